"""The press archive, to be read: `python -m config.world.press --port N --data DIR`.

GET /articles?domain=    200 {"articles": [{"id", "title", "published", "excerpt", "url"}]}, newest first; empty for a domain
                         that nobody wrote about, known or not. No domain is 422 {"error": "no_domain"}.
GET /entries             {"entries": [{"asked", "received", "answered", "received_at"}]}: how often each domain was asked
                         for, how many of those no fault kept from an answer, first when
/faults                  see faults.py; every question about a domain counts

Prints "ready http://127.0.0.1:PORT" when it listens.
"""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.world import companies, faults, serving
from config.world.questions import SCHEMA, Questions
from config.world.record import Record


def application(questions: Questions) -> Starlette:
    armed = faults.Faults("broken")

    async def articles(request: Request) -> Response:
        domain = request.query_params.get("domain", "").strip().lower()
        if not domain:
            return JSONResponse({"error": "no_domain"}, 422)
        mode = armed.take()
        questions.note(domain, answered=not mode)
        return await faults.answer(request, mode, JSONResponse({"articles": companies.articles(domain)}))

    async def entries(_: Request) -> Response:
        return JSONResponse({"entries": questions.entries()})

    return Starlette(routes=[Route("/articles", articles), Route("/entries", entries), *faults.routes(armed)])


def main() -> None:
    given = serving.arguments("press")
    listener = serving.bound(given.port)
    asyncio.run(serving.serve(application(Questions(Record(given.data, "press", SCHEMA))), listener))


if __name__ == "__main__":
    main()
