"""What becomes of sockets when Redis is away: they close, and their pages poll and try again."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

log = logging.getLogger(__name__)
TRY_AGAIN_LATER = 1013


class ClosedWithoutRedis:
    """An ASGI application that closes its socket, instead of failing, when the application inside loses Redis."""

    def __init__(self, inside: Callable[..., Awaitable[None]]) -> None:
        self.inside = inside

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.inside(scope, receive, send)
        except RedisError as error:
            log.warning("a socket was closed because Redis is away; its page polls", extra={"why": error})
            with suppress(OSError, RuntimeError):  # the page has gone itself
                await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
