"""Programs of the outside world for tests: real processes on free ports, ended by their process id."""

import os
import select
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 20


@dataclass(kw_only=True)
class Program:
    process: subprocess.Popen[str]
    web: httpx.Client
    smtp: tuple[str, int]  # of the mailbox; ("", 0) elsewhere
    pop3: tuple[str, int]  # the same

    def arm(self, mode: str, count: int = 1) -> None:
        self.web.post("/faults", json={"mode": mode, "count": count}).raise_for_status()

    def pay(self, order: str, key: str, amount: int = 100, changed: dict[str, Any] | None = None) -> httpx.Response:
        body = {"order": order, "amount_minor": amount, "currency": "GBP", "reason": "Torn seam", **(changed or {})}
        return self.web.post("/refunds", json=body, headers={"Idempotency-Key": key})

    def take_back(self, refund: str, key: str) -> httpx.Response:
        return self.web.post(
            "/reversals", json={"refund": refund, "reason": "Wrong order"}, headers={"Idempotency-Key": key}
        )

    def entry(self, key: str) -> dict[str, Any]:
        return next(entry for entry in self.web.get("/entries").json()["entries"] if entry["key"] == key)

    def refunded(self, order: str) -> int:
        return self.web.get(f"/orders/{order}/balance").json()["refunded_minor"]

    def write_to(self, address: str, key: str, *, more: str = "", text: str = "Shall we talk?") -> None:
        """A mail of the sales desk arrives at the mailbox; `more` is further header lines."""
        raw = (
            f"From: Maya Lindqvist <sales@northwind.example>\r\nTo: {address}\r\nSubject: A second mill\r\n"
            f"Message-ID: <{key}@holdpoint>\r\nX-Effect-Key: {key}\r\n{more}\r\n{text}\r\n"
        )
        with smtplib.SMTP(*self.smtp, timeout=PATIENCE_SECONDS) as line:
            line.sendmail("sales@northwind.example", [parseaddr(address)[1]], raw.encode())

    def mails_to(self, address: str) -> list[dict[str, Any]]:
        return self.web.get("/messages", params={"to": address}).json()["messages"]

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)


@contextmanager
def running(name: str, data: Path, **env: str) -> Iterator[Program]:
    ports = ["--port", "0"] + (["--pop-port", "0", "--http-port", "0"] if name == "mailbox" else [])
    command = [sys.executable, "-m", f"config.world.{name}", *ports, "--data", str(data)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        web, smtp, pop3 = _addresses(process)
        with httpx.Client(base_url=web, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            yield Program(process=process, web=client, smtp=smtp, pop3=pop3)
    finally:
        process.kill()
        process.communicate()


def _addresses(process: subprocess.Popen[str]) -> tuple[str, tuple[str, int], tuple[str, int]]:
    assert process.stdout is not None
    told, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
    line = process.stdout.readline() if told else ""
    word, web, *mail = line.split() or ["", ""]
    assert word == "ready", f"The program said {line!r} instead of its ready line."
    smtp, pop3 = (urlsplit(address) for address in (*mail, "", "")[:2])
    return web, (smtp.hostname or "", smtp.port or 0), (pop3.hostname or "", pop3.port or 0)
