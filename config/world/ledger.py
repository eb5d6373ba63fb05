"""The ledger that pays money back: `python -m config.world.ledger --port N --data DIR`.

POST /refunds    header Idempotency-Key, {"order", "amount_minor", "currency", "reason"}
                 201 {"refund", "order", "amount_minor", "currency", "status": "paid", "key"}
POST /reversals  header Idempotency-Key, {"refund", "reason"}
                 201 {"reversal", "refund", "amount_minor", "currency", "status": "reversed", "key"}
                 Both: the same key and body again is 200 with the first answer, and nothing is done again. The same key with
                 another body is 422 key_reused. No key is 400 no_idempotency_key. Refused with 422 and {"error"}: invalid
                 (with "field"), no_such_order, wrong_currency, exceeds_balance, no_such_refund, already_reversed. A refusal
                 binds no key: only money that moved does.
GET /effects/{key}            200 the answer of the post that moved money, or 404 {"error": "no_such_effect"}
GET /orders/{number}/balance  {"order", "paid_minor", "refunded_minor", "left_minor", "currency"}, or 404
GET /entries                  {"entries": [{"key", "kind", "body", "received", "executions", "received_at"}]}: `received`
                              counts the posts of a key, also refused ones and those that met a fault; `executions` counts
                              how often money moved for it
/faults          see faults.py; posts to /refunds and /reversals count. One more mode, "forgetful": do the work again although
                 the key is known, past the balance too, as a bad provider would.

Money that moved is on disk before the answer leaves. Prints "ready http://127.0.0.1:PORT" when it listens.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.world import faults, serving
from config.world.book import REFUND, REVERSAL, SCHEMA, Book, Post
from config.world.record import Record

LONGEST_KEY = 255
LARGEST_BODY = 64 * 1024


def application(book: Book) -> Starlette:
    armed = faults.Faults("forgetful")

    async def effect(request: Request) -> Response:
        return _found(book.effect(request.path_params["key"]), "no_such_effect")

    async def balance(request: Request) -> Response:
        return _found(book.balance(request.path_params["number"]), "no_such_order")

    async def entries(_: Request) -> Response:
        return JSONResponse({"entries": book.entries()})

    return Starlette(
        routes=[
            Route("/refunds", _posts(book, armed, REFUND), methods=["POST"]),
            Route("/reversals", _posts(book, armed, REVERSAL), methods=["POST"]),
            Route("/effects/{key:path}", effect),
            Route("/orders/{number}/balance", balance),
            Route("/entries", entries),
            *faults.routes(armed),
        ]
    )


def _posts(book: Book, armed: faults.Faults, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def post(request: Request) -> Response:
        read = await _read(request, kind)
        mode = armed.take()
        if isinstance(read, Response):
            return await faults.answer(request, mode, read)
        if mode in faults.NOTHING_DONE:
            book.note(read)
            return await faults.answer(request, mode, Response())
        status, body = book.execute(read, forgetful=mode == "forgetful")
        return await faults.answer(request, mode, JSONResponse(body, status))

    return post


async def _read(request: Request, kind: str) -> Post | Response:
    """The post, or the answer that says why it is none."""
    key, raw = request.headers.get("idempotency-key", ""), await request.body()
    if not key:
        return JSONResponse({"error": "no_idempotency_key"}, 400)
    if len(key) > LONGEST_KEY or not key.isascii():
        return JSONResponse({"error": "bad_idempotency_key", "most": LONGEST_KEY}, 400)
    if len(raw) > LARGEST_BODY:
        return JSONResponse({"error": "body_too_large", "most": LARGEST_BODY}, 413)
    try:
        body = json.loads(raw)
        # What Python reads but JSON does not know (NaN, 1e400, half a surrogate) would make the entries unreadable later.
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return JSONResponse({"error": "not_json"}, 400)
    if not isinstance(body, dict):
        return JSONResponse({"error": "not_an_object"}, 422)
    return Post(kind=kind, key=key, body=body)


def _found(body: dict[str, Any] | None, error: str) -> Response:
    return JSONResponse(body) if body is not None else JSONResponse({"error": error}, 404)


def main() -> None:
    given = serving.arguments("ledger")
    listener = serving.bound(given.port)
    asyncio.run(serving.serve(application(Book(Record(given.data, "ledger", SCHEMA))), listener))


if __name__ == "__main__":
    main()
