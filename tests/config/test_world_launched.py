"""The outside world beside a running product: told to it, and back in the same place when it dies."""

import json
import os
import poplib
import signal
import smtplib
import subprocess
from urllib.parse import urlsplit

import httpx
import pytest

from tests.config.test_launch import family, ready, until, up

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]
PASSWORD = "chosen-here"


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """The process of bin/up, and what it told the product."""
    place = tmp_path_factory.mktemp("launched")
    for directory in (place, *place.parents[:2]):
        directory.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDPOINT_SALES_PASSWORD", PASSWORD)
        process = up(place / "data")
    try:
        ready(process)
        yield process, json.loads((place / "data" / "environment.json").read_text())
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)


def inbox(env):
    url = urlsplit(env["HOLDPOINT_POP3_URL"])
    line = poplib.POP3(url.hostname, url.port, timeout=10)
    try:
        line.user("sales@northwind.example")
        line.pass_(env["HOLDPOINT_SALES_PASSWORD"])
        return line.stat()
    finally:
        line.close()


def answers(env):
    try:
        return httpx.get(f"{env['HOLDPOINT_MAILBOX_URL']}/faults").is_success
    except httpx.TransportError:
        return False


def test_the_product_learns_where_register_press_and_pop3_are(product):
    _, env = product
    assert httpx.get(f"{env['HOLDPOINT_REGISTER_URL']}/companies/brightloom.example").json()["city"] == "Leeds"
    assert httpx.get(f"{env['HOLDPOINT_PRESS_URL']}/articles?domain=brightloom.example").json()["articles"]
    assert (env["HOLDPOINT_SALES_PASSWORD"], inbox(env)) == (PASSWORD, (0, 0))


def test_a_mailbox_that_dies_comes_back_at_all_three_addresses(product):
    process, env = product
    told = {pid: _command(pid) for pid in family(process.pid)}
    os.kill(next(pid for pid, command in told.items() if "config.world.mailbox" in command), signal.SIGKILL)
    assert until(lambda: answers(env), 30)
    assert inbox(env) == (0, 0)
    smtp = urlsplit(env["HOLDPOINT_SMTP_URL"])
    with smtplib.SMTP(smtp.hostname, smtp.port, timeout=10) as line:
        assert line.noop()[0] == 250


def _command(pid):
    return subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout
