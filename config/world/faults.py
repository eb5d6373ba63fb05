"""Faults to order: the next requests to a program fail in a way that was chosen beforehand.

POST /faults {"mode", "count"} arms the next `count` requests (one when left out) and replaces what was armed; DELETE /faults
disarms; GET /faults shows. Each answers {"mode": name or null, "count": how many are left}. An unknown mode or a count
outside 1 to 100,000 is 422. What is armed lives in memory: a program that starts again has no faults.

timeout      hold the request until its sender leaves, or 60 s and then cut; nothing done
unavailable  503 and Retry-After: 1; nothing done
drop         do the work, commit it, cut the connection without an answer
rubbish      200 with a body that is no JSON; nothing done
declined     422 {"error": "declined"}; nothing done
limited      429 and Retry-After: 1; nothing done

The mailbox says these things in SMTP (see mailbox.py) and in POP3 (see pop3.py). The ledger knows one more, "forgetful" (see
ledger.py); register and press know "broken": 500 without a word about when to come back.
"""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.world import serving

MODES = ("timeout", "unavailable", "drop", "rubbish", "declined", "limited")
NOTHING_DONE = frozenset(MODES) - {"drop"}
HOLD_SECONDS = 60
MOST = 100_000
_SOON = {"Retry-After": "1"}
_REFUSALS: dict[str, tuple[int, dict[str, str]]] = {
    "unavailable": (503, _SOON),
    "limited": (429, _SOON),
    "declined": (422, {}),
    "broken": (500, {}),
}


class Faults:
    """What is armed on one program. `more` names the modes only that program knows."""

    def __init__(self, *more: str) -> None:
        self.modes = (*MODES, *more)
        self._mode = ""
        self._count = 0

    def arm(self, mode: str, count: int) -> None:
        self._mode, self._count = mode, count

    def disarm(self) -> None:
        self.arm("", 0)

    def take(self, *among: str) -> str:
        """The mode for the request at hand, using it up; "" when nothing is armed, or none of `among` if any are named."""
        if among and self._mode not in among:
            return ""
        mode = self._mode
        if mode:
            self._count -= 1
        if self._count <= 0:
            self.disarm()
        return mode

    def shown(self) -> dict[str, Any]:
        return {"mode": self._mode or None, "count": self._count}


def routes(faults: Faults) -> list[Route]:
    async def show(_: Request) -> Response:
        return JSONResponse(faults.shown())

    async def arm(request: Request) -> Response:
        try:
            order = await request.json()
        except (ValueError, RecursionError):
            return JSONResponse({"error": "not_json"}, 400)
        mode, count = (order.get("mode"), order.get("count", 1)) if isinstance(order, dict) else (None, 1)
        if mode not in faults.modes:
            return JSONResponse({"error": "unknown_mode", "modes": list(faults.modes)}, 422)
        if type(count) is not int or not 1 <= count <= MOST:
            return JSONResponse({"error": "bad_count", "least": 1, "most": MOST}, 422)
        faults.arm(mode, count)
        return JSONResponse(faults.shown())

    async def disarm(_: Request) -> Response:
        faults.disarm()
        return JSONResponse(faults.shown())

    return [
        Route("/faults", show, methods=["GET"]),
        Route("/faults", arm, methods=["POST"]),
        Route("/faults", disarm, methods=["DELETE"]),
    ]


async def answer(request: Request, mode: str, response: Response) -> Response:
    """`response`, or what `mode` makes of it. The caller has already done the work, or left it when nothing may be done."""
    if mode == "timeout":
        return await _held(request)
    if mode == "drop":
        return await serving.cut(request)
    if mode in _REFUSALS:
        status, headers = _REFUSALS[mode]
        return JSONResponse({"error": mode}, status, headers)
    if mode == "rubbish":
        return Response("<!doctype html><title>Back in a moment</title>", media_type="text/html")
    return response


async def _held(request: Request) -> Response:
    try:
        async with asyncio.timeout(HOLD_SECONDS):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
    finally:
        serving.abort(request)  # also at shutdown: whoever waits gets no answer, as ordered
    return await serving.cut(request)
