"""compose.yaml and the Dockerfile as text: nobody here has Docker, so what can be held without it is held."""

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from config.launch import healthy
from tests.config import settings_read
from tests.crash.stage import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "holdpoint:local"}
LASTING = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / "deploy" / "example.env").read_text(), re.MULTILINE))


def commands() -> Iterator[list[str]]:
    for service in OURS.values():
        yield from (service[part] for part in ("command",) if part in service)
        if "healthcheck" in service:
            yield service["healthcheck"]["test"][1:]
    yield yaml.safe_load(re.search(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[1])


def values(thing: Any) -> Iterator[str]:
    if isinstance(thing, dict):
        for part in thing.values():
            yield from values(part)
    elif isinstance(thing, list):
        for part in thing:
            yield from values(part)
    else:
        yield str(thing)


@pytest.mark.parametrize("argv", list(commands()), ids=" ".join)
def test_every_command_of_ours_runs_a_module_that_exists(argv):
    assert argv[:2] == ["python", "-m"]
    assert importlib.util.find_spec(argv[2])
    if argv[2] == healthy.__name__:
        assert callable(getattr(healthy, argv[3]))


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_ours_is_one_that_the_code_reads(name):
    assert set(OURS[name].get("environment", {})) <= settings_read.names()


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_has_a_health_check(name):
    assert {"test", "interval", "timeout", "retries"} <= set(LASTING[name]["healthcheck"])


def test_services_wait_for_what_they_need():
    for service in OURS.values():
        for name, how in service["depends_on"].items():
            lasting = name in LASTING
            assert how["condition"] == ("service_healthy" if lasting else "service_completed_successfully")


def test_only_web_is_published_and_only_on_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${WEB_PORT:-8000}:8000"]}
    assert COMPOSE["networks"]["servers"] == {"internal": True}
    assert all(SERVICES[name]["networks"] == ["servers"] for name in ("postgres", "redis", "rabbitmq"))


def test_no_secret_stands_in_the_files_and_none_has_a_default():
    asked = {
        name: rest for text in values(COMPOSE) for name, rest in re.findall(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}", text)
    }
    assert set(asked) == set(EXAMPLE)
    secrets = {name for name in asked if "PASSWORD" in name or "SECRET" in name}
    assert {name for name in secrets if not asked[name].startswith(":?")} == set()
    assert {name for name in secrets if EXAMPLE[name]} == set()
    passwords = [found for text in values(COMPOSE) for found in re.findall(r"://[^:/]*:([^@]+)@", text)]
    assert passwords
    assert all(found.startswith("${") for found in passwords)


def test_web_and_workers_never_get_the_owners_or_the_administrators_address():
    for name in ("web", "worker", "beat"):
        assert not {"DATABASE_OWNER_URL", "DATABASE_ADMIN_URL"} & set(OURS[name]["environment"])


@pytest.mark.parametrize("name", OURS)
def test_ours_run_without_rights_over_files_that_they_cannot_write(name):
    assert OURS[name]["read_only"] is True
    assert OURS[name]["cap_drop"] == ["ALL"]
    assert OURS[name]["security_opt"] == ["no-new-privileges:true"]


def test_the_image_is_built_from_files_that_exist_and_runs_as_nobody_special():
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources)
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["holdpoint"]
    allowed = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = {source for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]}
    assert set(allowed) == copied
