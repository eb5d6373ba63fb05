"""bin/up on a person's own servers, and what that person does with it: sign in, listen, start, approve."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from websockets.sync.client import ClientConnection, connect

from config.launch.children import Child
from config.world import catalogue
from tests.crash.stage import ROOT, end, wait_for
from tests.servers import ADMIN, PASSWORD

STORY = "The seam tore on the first night. I would like my money back."


def environment(**given: str) -> dict[str, str]:
    """This process's, without what it says of servers and settings, and with `given`."""
    ours = ("DATABASE_", "HOLDPOINT_", "BROKER_", "REDIS_", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PYTHONPATH": str(ROOT)} | given


def command(module: str, *argv: str, said: str = "", **given: str) -> subprocess.CompletedProcess[str]:
    """Run one of bin/'s commands to its end."""
    line = [sys.executable, "-m", f"config.launch{module}", *argv]
    env = environment(**given)
    return subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, input=said, timeout=60)


def addresses(port: int, database: str) -> dict[str, str]:
    """The addresses of the two roles, with passwords that have to be quoted."""
    place = f"127.0.0.1:{port}/{database}"
    return {
        "DATABASE_URL": f"postgresql://holdpoint_app:a%2Fp%3Ap@{place}",
        "DATABASE_OWNER_URL": f"postgresql://holdpoint_owner:own%40er@{place}",
    }


def administrator(port: int) -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1", port=port, user=ADMIN, password=PASSWORD, dbname="postgres", autocommit=True
    )


@dataclass(kw_only=True)
class Product:
    """One running product on servers of one's own."""

    url: str
    data: Path
    servers: dict[str, str]
    more: list[Child] = field(default_factory=list)
    me: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20, trust_env=False))

    def sign_in(self, email: str, password: str) -> None:
        page = self.me.get(self.url + "accounts/login/")
        form = {"login": email, "password": password, "csrfmiddlewaretoken": self.me.cookies["csrftoken"]}
        answer = self.me.post(str(page.url), data=form, headers={"Referer": str(page.url)})
        assert answer.status_code == 302, answer.text

    def key(self) -> str:
        made = self.manage("issue_key", "--tenant", "northwind", "--email", "jonas@northwind.example")
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def manage(self, *argv: str, said: str = "") -> subprocess.CompletedProcess[str]:
        return command(".manage", *argv, said=said, **self.servers)

    def start(self, key: str, number: str) -> str:
        """Start a refund ticket over HTTP; returns the run's id."""
        order = catalogue.find(number)
        assert order is not None
        body = {"order": number, "email": order["customer"]["email"], "story": STORY, "amount_minor": 4050}
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": number}
        answer = httpx.post(self.url + "api/v1/tickets", json=body, headers=headers, timeout=20)
        assert answer.status_code == 201, answer.text[:500]
        return answer.json()["run"]

    def stands(self, key: str, run: str) -> tuple[str, str]:
        headers = {"Authorization": f"Bearer {key}"}
        told = httpx.get(f"{self.url}api/v1/runs/{run}", headers=headers, timeout=20).json()
        return told["status"], told["waiting_for"]

    def wait_for(self, key: str, run: str, *stand: str, within_s: float = 15) -> None:
        wait_for(lambda: self.stands(key, run)[: len(stand)] == stand, f"run at {stand}", within_s)

    def approve(self, run: str) -> httpx.Response:
        """What a reviewer's browser does: open the card, send back the digest that it shows."""
        card = self.me.get(f"{self.url}northwind/review/of-run/{run}/", follow_redirects=True)
        digest = re.search(r'name="digest" value="([0-9a-f]{64})"', card.text)
        assert digest, card.text[:2000]
        form = {"digest": digest[1], "answer": "approve", "csrfmiddlewaretoken": self.me.cookies["csrftoken"]}
        where = str(card.url).split("?")[0]
        return self.me.post(f"{where}decisions/", data=form, headers={"Referer": where})

    @contextmanager
    def socket(self, url: str = "") -> Iterator[ClientConnection]:
        """A page's socket that has been greeted, to this web process or another one."""
        url = url or self.url
        cookie = f"sessionid={self.me.cookies['sessionid']}"
        where = url.replace("http", "ws", 1) + "ws/northwind/"
        with connect(where, additional_headers={"Cookie": cookie}, origin=url.rstrip("/"), open_timeout=10) as page:
            assert json.loads(page.recv(10)) == {"hello": "northwind"}
            yield page

    def web(self, port: int) -> str:
        """Another web process of the same product; returns its address."""
        argv = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)]
        log = self.data / "logs" / f"web-{port}.log"
        secret = json.loads((self.data / "environment.json").read_text())["HOLDPOINT_SECRET_KEY"]
        env = environment(**self.servers, HOLDPOINT_SECRET_KEY=secret)
        child = Child(name=f"web-{port}", argv=argv, env=env, log=log, cwd=ROOT)
        child.start()
        self.more.append(child)
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/health/live"), "second web process")
        return f"http://127.0.0.1:{port}/"


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def frames(page: ClientConnection, run: str, within_s: float = 5) -> list[dict[str, Any]]:
    """News of `run` that came until the page had heard nothing for a second."""
    heard: list[dict[str, Any]] = []
    try:
        while True:
            frame = json.loads(page.recv(1.0 if heard else within_s))
            heard += [frame] if frame.get("run") == run else []
    except TimeoutError:
        return heard


@contextmanager
def running(data: Path, *, demo: bool = True, **servers: str) -> Iterator[Product]:
    """`bin/up --json` on these servers until the block ends; with the demo, its reviewer is signed in."""
    argv = [sys.executable, "-m", "config.launch", "--port", "0", "--data", str(data), "--json"]
    argv += ["--demo"] if demo else []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(argv, cwd=ROOT, env=environment(**servers), **pipes)
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        product = Product(url=json.loads(line)["url"], data=data, servers=servers)
        if demo:
            product.sign_in("mara@northwind.example", "holdpoint-demo")
        yield product
        for child in product.more:
            end(child)
        product.me.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)
