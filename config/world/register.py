"""The register of companies, to be read: `python -m config.world.register --port N --data DIR`.

GET /companies/{domain}  200 {"domain", "name", "country", "city", "industry", "employees", "founded", "purpose"} or 404
GET /entries  {"entries": [{"asked", "received", "received_at"}]}: how often each domain was asked for, first when
/faults       see faults.py; every question about a company counts

Prints "ready http://127.0.0.1:PORT" when it listens.
"""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.world import companies, faults, serving
from config.world.record import Record, now

SCHEMA = """
CREATE TABLE IF NOT EXISTS questions (asked TEXT PRIMARY KEY, received INTEGER NOT NULL, received_at TEXT NOT NULL);
"""
LONGEST = 253


def application(record: Record) -> Starlette:
    armed = faults.Faults()

    async def company(request: Request) -> Response:
        mode, domain = armed.take(), request.path_params["domain"]
        _note(record, domain)
        found = companies.find(domain)
        answer = JSONResponse(found) if found else JSONResponse({"error": "no_such_company"}, 404)
        return await faults.answer(request, mode, answer)

    async def entries(_: Request) -> Response:
        return JSONResponse(
            {"entries": record.rows("SELECT asked, received, received_at FROM questions ORDER BY rowid")}
        )

    return Starlette(routes=[Route("/companies/{domain}", company), Route("/entries", entries), *faults.routes(armed)])


def _note(record: Record, asked: str) -> None:
    with record.change() as db:
        db.execute(
            "INSERT INTO questions VALUES (?, 1, ?) ON CONFLICT (asked) DO UPDATE SET received = received + 1",
            (asked[:LONGEST], now()),
        )


def main() -> None:
    given = serving.arguments("register")
    listener = serving.bound(given.port)
    asyncio.run(serving.serve(application(Record(given.data, "register", SCHEMA)), listener))


if __name__ == "__main__":
    main()
