"""Sockets: who may listen, what a frame says, and a page that takes nothing in."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import channel_layers
from django.contrib.auth.models import AnonymousUser

from runs import live
from tenants import people
from tests.pages import browser


class Socket:
    """A page at the other end: what it was sent, and whether it takes anything in."""

    def __init__(self, actor: Any, slug: str = "", *, user: Any = None) -> None:
        self.session = browser(actor).session
        self.user = user or actor.user
        self.slug = slug or actor.tenant.slug
        self.sent: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> "Socket":
        scope = {"type": "websocket", "path": "", "user": self.user, "session": self.session}
        scope["url_route"] = {"kwargs": {"tenant": self.slug}}
        self.consumer = live.Live()
        self.said.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self.consumer(scope, self.said.get, self._take))
        await self.until(lambda: self.sent and self.sent[-1]["type"] != "websocket.accept")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.reads.set()
        self.said.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait([self.task], timeout=5)
        self.task.cancel()

    async def _take(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        self.sent.append(message)

    async def until(self, there: Any) -> None:
        async with asyncio.timeout(10):
            while not there():
                await asyncio.sleep(0.01)

    @property
    def frames(self) -> list[dict[str, Any]]:
        told = [json.loads(message["text"]) for message in self.sent if "text" in message]
        return [frame for frame in told if "run" in frame]


def about(run: uuid.UUID | None, seq: int = 1, *words: str) -> dict[str, Any]:
    return {"run": str(run) if run else None, "seq": seq, "about": list(words) or ["run"]}


@pytest.fixture(autouse=True)
def alone(monkeypatch, database):
    """No news but the test's own, and a channel layer of its own loop."""
    monkeypatch.setattr(live.Hub, "start", _nothing)
    channel_layers.backends = {}


async def _nothing(self) -> None:
    """The hub listens to PostgreSQL; these tests say the news themselves."""


def within(scenario: Any) -> None:
    async_to_sync(scenario)()


def test_many_events_of_one_run_within_a_moment_are_one_frame(cast):
    socket, run = Socket(cast.bob), uuid.uuid4()

    async def scenario() -> None:
        async with socket:
            for seq in range(1, 40):
                socket.consumer.tell(about(run, seq, "run" if seq % 2 else "approval"))
            await socket.until(lambda: socket.frames)

    within(scenario)
    assert socket.frames == [{"run": str(run), "seq": 39, "about": ["approval", "run"]}]


def test_news_of_more_runs_than_may_wait_become_one_frame_about_everything(cast):
    socket = Socket(cast.bob)

    async def scenario() -> None:
        async with socket:
            for _ in range(live.MOST_WAITING * 3):
                socket.consumer.tell(about(uuid.uuid4()))
            await socket.until(lambda: socket.frames)

    within(scenario)
    assert socket.frames == [live.EVERYTHING]


def test_a_frame_about_the_whole_tenant_names_no_run(cast):
    socket = Socket(cast.bob)

    async def scenario() -> None:
        async with socket:
            socket.consumer.tell(about(None, 0, "stops"))
            socket.consumer.tell(about(None, 0, "flags"))
            await socket.until(lambda: socket.frames)

    within(scenario)
    assert socket.frames == [{"run": None, "seq": 0, "about": ["flags", "stops"]}]


def test_a_page_that_takes_nothing_in_is_bounded_dropped_and_forgotten(cast, monkeypatch):
    monkeypatch.setattr(live, "SEND_WITHIN_S", 0.3)
    socket = Socket(cast.bob)

    async def scenario() -> None:
        async with socket:
            socket.reads.clear()
            for _ in range(live.MOST_WAITING * 5):
                socket.consumer.tell(about(uuid.uuid4()))
            await asyncio.sleep(live.GATHER_S * 2)  # the round is being sent, and more comes
            for _ in range(live.MOST_WAITING * 5):
                socket.consumer.tell(about(uuid.uuid4()))
            assert len(socket.consumer._waiting) <= live.MOST_WAITING
            await socket.until(socket.task.done)
        assert socket.consumer not in live._open

    within(scenario)
    assert socket.frames == []


def test_news_that_come_while_others_are_sent_go_out_too(cast):
    socket, first, second = Socket(cast.bob), uuid.uuid4(), uuid.uuid4()

    async def scenario() -> None:
        async with socket:
            socket.reads.clear()
            socket.consumer.tell(about(first))
            await asyncio.sleep(live.GATHER_S * 2)
            socket.consumer.tell(about(second))
            socket.reads.set()
            await socket.until(lambda: len(socket.frames) == 2)

    within(scenario)
    assert [frame["run"] for frame in socket.frames] == [str(first), str(second)]


@pytest.mark.parametrize("who", ["charlie", "nobody"])
def test_who_may_not_look_gets_no_socket(cast, who):
    user = AnonymousUser() if who == "nobody" else None
    socket = Socket(cast.charlie, cast.alice.tenant.slug, user=user)

    async def scenario() -> None:
        async with socket:
            pass

    within(scenario)
    assert [(m["type"], m["code"]) for m in socket.sent] == [("websocket.close", 4403)]
    assert socket.consumer not in live._open


@pytest.mark.parametrize("ends", ["signed out", "no member any more"])
def test_a_socket_ends_with_its_viewers_right(cast, monkeypatch, ends):
    monkeypatch.setattr(live, "RIGHTS_FOR_S", 1.1)
    socket = Socket(cast.bob)

    async def scenario() -> None:
        async with socket:
            await database_sync_to_async(end)()
            await socket.until(lambda: socket.sent[-1]["type"] == "websocket.close")

    def end() -> None:
        if ends == "signed out":
            socket.session.flush()
        else:
            people.revoke(actor=cast.alice, user=cast.bob.user, reason="he left")

    within(scenario)
    assert socket.sent[-1]["code"] == 4403


def test_what_a_page_says_is_not_even_read(cast):
    socket, run = Socket(cast.bob), uuid.uuid4()

    async def scenario() -> None:
        async with socket:
            socket.said.put_nowait({"type": "websocket.receive", "text": "{not json"})
            socket.said.put_nowait({"type": "websocket.receive", "bytes": b"\x00"})
            socket.consumer.tell(about(run))
            await socket.until(lambda: socket.frames)

    within(scenario)
    assert [frame["run"] for frame in socket.frames] == [str(run)]
