"""Sockets. A frame is news ("this run has event n"); pages then fetch with their own rights."""

import asyncio
import json
import logging
from typing import Any

import psycopg
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError
from django.urls import path
from redis.exceptions import RedisError

from tenants import errors, news, people
from tenants.permissions import LOOK

log = logging.getLogger(__name__)
RIGHTS_FOR_S = 10.0  # how long a look at the viewer's rights counts
LISTENER = 0x484F_0003  # advisory lock of the one web process that listens when Redis hands on; see scoping.Lock
GATHER_S = 0.1  # news of one run within this time becomes one frame
MOST_WAITING = 200  # runs whose news one socket keeps; beyond that a single frame says "ask for everything"
SEND_WITHIN_S = 10.0  # a page that takes nothing in for so long is dropped; it comes back and catches up
EVERYTHING: dict[str, Any] = {"run": None, "seq": 0, "about": ["everything"]}
EMPTY: dict[str, Any] = {"about": []}


def open_here() -> int:
    """How many sockets this web process holds."""
    return len(_open)


class Live(AsyncJsonWebsocketConsumer):
    """One open page. It joins its tenant's group while its viewer may look there."""

    group = ""

    async def connect(self) -> None:
        self._waiting: dict[str | None, dict[str, Any]] = {}
        self._sender: asyncio.Task | None = None
        self._watch: asyncio.Task | None = None
        slug = self.scope["url_route"]["kwargs"]["tenant"]
        tenant = await self._tenant_if_allowed(slug)
        if tenant is None:
            await self.close(code=4403)
            return
        self.group = f"tenant.{tenant}"
        await hub.start()
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        _open.add(self)
        await self.send_json({"hello": slug})
        self._watch = asyncio.create_task(self._keep_checking(slug))

    async def disconnect(self, code: int) -> None:
        await self._leave()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Nothing a page says here changes anything, or is even read."""

    async def holdpoint_news(self, message: dict[str, Any]) -> None:
        self.tell(message["frame"])

    async def holdpoint_drop(self, message: dict[str, Any]) -> None:
        """End without the farewell that a page which takes nothing in would never get."""
        await self._leave()
        raise StopConsumer

    def tell(self, frame: dict[str, Any]) -> None:
        """Send soon, together with what else came; more runs than may wait become one frame about everything."""
        known = self._waiting.setdefault(frame["run"], {**frame})
        known["seq"] = max(known["seq"], frame["seq"])
        known["about"] = sorted(set(known["about"]) | set(frame["about"]))
        if len(self._waiting) > MOST_WAITING or "everything" in self._waiting.get(None, EMPTY)["about"]:
            self._waiting = {None: {**EVERYTHING}}
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_soon())

    async def _send_soon(self) -> None:
        """Frames that come while these are sent go out with the next round. At most one round waits in memory."""
        try:
            while self._waiting:
                await asyncio.sleep(GATHER_S)
                frames, self._waiting = self._waiting, {}
                async with asyncio.timeout(SEND_WITHIN_S):
                    for frame in frames.values():
                        await self.send_json(frame)
        except TimeoutError:
            log.warning("a page took no news in and was dropped; it catches up when it is back")
            await self.channel_layer.send(self.channel_name, {"type": "holdpoint.drop"})
        except (OSError, RuntimeError, RedisError):
            return  # the page has just gone, or comes back when Redis does

    async def _leave(self) -> None:
        _open.discard(self)
        if not self.group:
            return
        for task in (self._watch, self._sender):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def _keep_checking(self, slug: str) -> None:
        """Close the socket within ten seconds of the right being withdrawn."""
        while True:
            await asyncio.sleep(RIGHTS_FOR_S - 1)
            try:
                allowed = await self._tenant_if_allowed(slug) is not None
            except DatabaseError:
                await self.close(code=1013)  # nobody can say that the viewer still may look; the page comes back
                return
            if not allowed:
                await self.close(code=4403)
                return

    @database_sync_to_async
    def _tenant_if_allowed(self, slug: str) -> str | None:
        user = self.scope["user"]
        if not user.is_authenticated or not self._session_lives():
            return None
        try:
            actor = people.actor_in(user, slug)
        except errors.NotFound:
            return None
        return str(actor.tenant.pk) if actor.may(LOOK) else None

    def _session_lives(self) -> bool:
        session = self.scope["session"]
        return bool(session.session_key) and session.exists(session.session_key)


class Hub:
    """Listens to PostgreSQL for this web process and hands news to the sockets in it.

    With Redis the sockets of all web processes hear what one of them hands on, so only the holder of an advisory lock
    listens; the lock goes with its session, and the next to ask takes over.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task | None = None

    async def start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                direct = await psycopg.AsyncConnection.connect(settings.DATABASE_DIRECT_URL, autocommit=True)
                async with direct:
                    if await self._listens_here(direct):
                        await direct.execute(f"LISTEN {news.CHANNEL}")
                        for page in tuple(_open):  # what was said while nobody listened, each asks for once
                            page.tell(EVERYTHING)
                        async for notice in direct.notifies():
                            await self._hand_on(json.loads(notice.payload))
            except (psycopg.Error, RedisError, ValueError, KeyError):
                log.warning("listening for news was interrupted; pages catch up after it", exc_info=True)
            await asyncio.sleep(1)

    async def _listens_here(self, direct: psycopg.AsyncConnection) -> bool:
        if not settings.REDIS_URL:
            return True
        found = await (await direct.execute("SELECT pg_try_advisory_lock(%s, 0)", [LISTENER])).fetchone()
        return bool(found and found[0])

    async def _hand_on(self, frame: dict[str, Any]) -> None:
        layer = get_channel_layer()
        message = {key: frame[key] for key in ("run", "seq", "about")}
        await layer.group_send(f"tenant.{frame['tenant']}", {"type": "holdpoint.news", "frame": message})


_open: set[Live] = set()
hub = Hub()
socket_urls = [path("ws/<slug:tenant>/", Live.as_asgi())]
