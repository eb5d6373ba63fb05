"""Sockets. A frame is news ("this run has event n"); pages then fetch with their own rights."""

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any

import psycopg
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from django.conf import settings
from django.urls import path
from redis.exceptions import RedisError

from tenants import errors, news, people
from tenants.permissions import LOOK

log = logging.getLogger(__name__)
RIGHTS_FOR_S = 10.0  # how long a look at the viewer's rights counts
LISTENER = 0x484F_0003  # advisory lock of the one web process that listens when Redis hands on; see scoping.Lock
GATHER_S = 0.1  # news of one run within this time becomes one frame


class Live(AsyncJsonWebsocketConsumer):
    """One open page. It joins its tenant's group while its viewer may look there."""

    group = ""

    async def connect(self) -> None:
        self._waiting: dict[str, dict[str, Any]] = {}
        self._task: asyncio.Task | None = None
        slug = self.scope["url_route"]["kwargs"]["tenant"]
        tenant = await self._tenant_if_allowed(slug)
        if tenant is None:
            await self.close(code=4403)
            return
        self.group = f"tenant.{tenant}"
        await hub.start()
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.send_json({"hello": slug})
        self._watch = asyncio.create_task(self._keep_checking(slug))

    async def disconnect(self, code: int) -> None:
        if self.group:
            self._watch.cancel()
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Nothing a page says here changes anything."""

    async def holdpoint_news(self, message: dict[str, Any]) -> None:
        frame = message["frame"]
        known = self._waiting.setdefault(frame["run"], frame)
        known["seq"] = max(known["seq"], frame["seq"])
        known["about"] = sorted(set(known["about"]) | set(frame["about"]))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_soon())

    async def _send_soon(self) -> None:
        await asyncio.sleep(GATHER_S)
        frames, self._waiting = self._waiting, {}
        with suppress(OSError, RuntimeError):  # the page has just gone
            for frame in frames.values():
                await self.send_json(frame)

    async def _keep_checking(self, slug: str) -> None:
        """Close the socket within ten seconds of the right being withdrawn."""
        while True:
            await asyncio.sleep(RIGHTS_FOR_S - 1)
            if await self._tenant_if_allowed(slug) is None:
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
                        async for notice in direct.notifies():
                            await self._hand_on(json.loads(notice.payload))
            except (psycopg.Error, RedisError):
                log.warning("listening for news was interrupted; pages poll meanwhile", exc_info=True)
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


hub = Hub()
socket_urls = [path("ws/<slug:tenant>/", Live.as_asgi())]
