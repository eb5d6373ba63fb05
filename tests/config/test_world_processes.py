"""Each program of the outside world as a process: how it starts, ends, and what outlives it."""

import signal
import smtplib
import socket
import subprocess
import sys

import httpx
import pytest

from config.world import serving
from tests.config import world_process

NAMES = ("orders", "ledger", "register", "press", "mailbox")
STRANGERS = ("django", "psycopg", "celery", "tenants", "runs", "approvals")


@pytest.mark.parametrize("name", NAMES)
def test_a_program_imports_neither_the_product_nor_its_framework(name):
    look = f"import sys, config.world.{name}; print(*(set({STRANGERS!r}) & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", look], cwd=world_process.ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_program_ends_quickly_when_asked_to(name, tmp_path):
    with world_process.running(name, tmp_path) as program:
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(timeout=3) in (0, -signal.SIGTERM)


def test_a_held_request_does_not_keep_a_program_from_ending(tmp_path):
    with world_process.running("ledger", tmp_path) as ledger:
        ledger.arm("timeout")
        with socket.create_connection((ledger.web.base_url.host, ledger.web.base_url.port)) as held:
            held.sendall(b"POST /refunds HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\n{}")
            assert any(ledger.web.get("/faults").json()["mode"] is None for _ in range(500))
            ledger.process.send_signal(signal.SIGTERM)
            assert held.recv(100) == b""
            ledger.process.wait(timeout=4)


def test_a_taken_port_is_refused_with_a_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [
            sys.executable,
            "-m",
            "config.world.orders",
            "--port",
            str(taken.getsockname()[1]),
            "--data",
            str(tmp_path),
        ]
        ended = subprocess.run(command, cwd=world_process.ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cannot be used: Address already in use." in ended.stderr


def test_a_program_listens_on_the_loopback_address_only():
    with serving.bound(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_answers_do_not_wait_for_nagle():
    with serving.bound(0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_the_ledger_keeps_what_it_answered_through_a_kill(tmp_path):
    with world_process.running("ledger", tmp_path) as ledger:
        receipt = ledger.pay("NW-90001", "survivor").json()
        ledger.kill()
    with world_process.running("ledger", tmp_path) as ledger:
        assert ledger.web.get("/effects/survivor").json() == receipt
        assert ledger.pay("NW-90001", "survivor").status_code == 200
        assert (ledger.entry("survivor")["received"], ledger.refunded("NW-90001")) == (2, 100)


def test_a_dropped_effect_is_on_record_after_a_kill(tmp_path):
    with world_process.running("ledger", tmp_path) as ledger:
        ledger.arm("drop")
        with pytest.raises(httpx.TransportError):
            ledger.pay("NW-90001", "dropped")
        ledger.kill()
    with world_process.running("ledger", tmp_path) as ledger:
        assert ledger.entry("dropped")["executions"] == 1


def test_the_mailbox_keeps_what_it_confirmed_through_a_kill(tmp_path):
    with world_process.running("mailbox", tmp_path) as mailbox:
        with smtplib.SMTP(*mailbox.smtp, timeout=10) as line:
            line.sendmail("a@northwind.example", ["b@example.net"], "X-Effect-Key: kept\r\n\r\nText\r\n")
        mailbox.kill()
    with world_process.running("mailbox", tmp_path) as mailbox:
        assert len(mailbox.web.get("/messages/by-key/kept").json()["messages"]) == 1


def test_a_program_that_starts_again_has_no_faults(tmp_path):
    with world_process.running("orders", tmp_path) as orders:
        orders.arm("unavailable", 9)
        orders.kill()
    with world_process.running("orders", tmp_path) as orders:
        assert orders.web.get("/faults").json() == {"mode": None, "count": 0}
