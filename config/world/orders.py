"""The shop's orders, to be read: `python -m config.world.orders --port N --data DIR`.

GET /orders/{number}  200 {"order", "customer": {"name", "email"}, "items": [{"sku", "name", "quantity", "price_minor"}],
                      "total_minor", "currency", "paid_with", "placed_on"}, or 404 {"error": "no_such_order"}
GET /entries          {"entries": [{"order", "received", "received_at"}]}: how often each number was asked for, first when
/faults               see faults.py; every reading of an order counts. "declined" is 422 here too.

Prints "ready http://127.0.0.1:PORT" when it listens.
"""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.world import catalogue, faults, serving
from config.world.record import Record, now

SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (number TEXT PRIMARY KEY, received INTEGER NOT NULL, received_at TEXT NOT NULL);
"""
LONGEST_NUMBER = 40


def application(record: Record) -> Starlette:
    armed = faults.Faults()

    async def order(request: Request) -> Response:
        number = request.path_params["number"]
        mode = armed.take()
        _note(record, number[:LONGEST_NUMBER])
        found = catalogue.find(number)
        answer = JSONResponse(found) if found else JSONResponse({"error": "no_such_order"}, 404)
        return await faults.answer(request, mode, answer)

    async def entries(_: Request) -> Response:
        return JSONResponse(
            {"entries": record.rows("SELECT number AS 'order', received, received_at FROM readings ORDER BY rowid")}
        )

    return Starlette(routes=[Route("/orders/{number}", order), Route("/entries", entries), *faults.routes(armed)])


def _note(record: Record, number: str) -> None:
    with record.change() as db:
        db.execute(
            "INSERT INTO readings VALUES (?, 1, ?) ON CONFLICT (number) DO UPDATE SET received = received + 1",
            (number, now()),
        )


def main() -> None:
    given = serving.arguments("orders")
    listener = serving.bound(given.port)
    asyncio.run(serving.serve(application(Record(given.data, "orders", SCHEMA)), listener))


if __name__ == "__main__":
    main()
