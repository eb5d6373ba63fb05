"""The whole product as a user starts it, and a browser in front of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@dataclass(slots=True, kw_only=True)
class Product:
    """A running product: its address, who can sign in, and the programs of the outside world."""

    url: str
    accounts: list[dict[str, str]]
    data: Path
    env: dict[str, str] = field(default_factory=dict)

    def account(self, role: str) -> dict[str, str]:
        return next(a for a in self.accounts if a["role"] == role and a["tenant"] == "northwind")

    def fault(self, program: str, mode: str, count: int = 1) -> None:
        """Arm the next `count` requests of orders, ledger or mailbox."""
        url = self.env[f"HOLDPOINT_{program.upper()}_URL"]
        httpx.post(f"{url}/faults", json={"mode": mode, "count": count}).raise_for_status()

    def ledger(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.env['HOLDPOINT_LEDGER_URL']}/entries").json()["entries"]

    def mails(self, to: str) -> list[dict[str, Any]]:
        found = httpx.get(f"{self.env['HOLDPOINT_MAILBOX_URL']}/messages.json").json()["messages"]
        return [message for message in found if to in message["to"]]


@contextmanager
def running(data: Path) -> Iterator[Product]:
    """`bin/up` over an empty directory, until the block ends."""
    keep = ("DATABASE_URL", "DATABASE_OWNER_URL", "HOLDPOINT_SECRET_KEY", "DJANGO_SETTINGS_MODULE")
    env = {name: value for name, value in os.environ.items() if name not in keep}
    argv = [sys.executable, "-m", "config.launch", "--port", "0", "--data", str(data), "--json"]
    process = subprocess.Popen(
        argv, cwd=ROOT, env={**env, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else "it did not start"
        told = json.loads(line)
        env = json.loads((data / "environment.json").read_text())
        yield Product(url=told["url"].rstrip("/"), accounts=told["accounts"], data=data, env=env)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def sign_in(browser: Browser, product: Product, role: str, **options: Any) -> Page:
    """A page of a fresh context, signed in as `role`; its default time limit is 15 s."""
    account = product.account(role)
    page = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options}).new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{product.url}/accounts/login/")
    page.get_by_label("E-mail").fill(account["email"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/review/**")
    return page


def manage(product: Product, *argv: str) -> str:
    """`bin/manage` beside the running product; what it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "DJANGO_"))}
    env = {**env, "HOLDPOINT_DATA": str(product.data)}
    done = subprocess.run([ROOT / "bin" / "manage", *argv], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def api(product: Product, path: str, body: dict[str, Any], key: str) -> httpx.Response:
    secret = manage(product, "issue_key", "--tenant", "northwind", "--email", "jonas@northwind.example").split()[-1]
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
    return httpx.post(f"{product.url}/api/v1/{path}", json=body, headers=headers)
