"""The press archive, to be read: `python -m config.world.press --port N --data DIR`.

GET /articles?domain=  200 {"articles": [{"id", "title", "published", "excerpt", "url"}]}, newest first, may be empty
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

    async def articles(request: Request) -> Response:
        mode, domain = armed.take(), request.query_params.get("domain", "")
        _note(record, domain)
        return await faults.answer(request, mode, JSONResponse({"articles": companies.articles(domain)}))

    async def entries(_: Request) -> Response:
        return JSONResponse(
            {"entries": record.rows("SELECT asked, received, received_at FROM questions ORDER BY rowid")}
        )

    return Starlette(routes=[Route("/articles", articles), Route("/entries", entries), *faults.routes(armed)])


def _note(record: Record, asked: str) -> None:
    with record.change() as db:
        db.execute(
            "INSERT INTO questions VALUES (?, 1, ?) ON CONFLICT (asked) DO UPDATE SET received = received + 1",
            (asked[:LONGEST], now()),
        )


def main() -> None:
    given = serving.arguments("press")
    listener = serving.bound(given.port)
    asyncio.run(serving.serve(application(Record(given.data, "press", SCHEMA)), listener))


if __name__ == "__main__":
    main()
