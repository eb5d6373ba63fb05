"""The register of companies, to be read: `python -m config.world.register --port N --data DIR`.

GET /companies/{domain}  200 {"domain", "name", "country", "city", "industry", "employees", "founded", "purpose"}, or
                         404 {"error": "no_such_company"}. The case of the letters does not matter.
GET /entries             {"entries": [{"asked", "received", "answered", "received_at"}]}: how often each domain was asked
                         for, how many of those no fault kept from an answer, first when
/faults                  see faults.py; every question about a company counts

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

    async def company(request: Request) -> Response:
        mode, domain = armed.take(), request.path_params["domain"].lower()
        questions.note(domain, answered=not mode)
        found = companies.find(domain)
        answer = JSONResponse(found) if found else JSONResponse({"error": "no_such_company"}, 404)
        return await faults.answer(request, mode, answer)

    async def entries(_: Request) -> Response:
        return JSONResponse({"entries": questions.entries()})

    return Starlette(routes=[Route("/companies/{domain}", company), Route("/entries", entries), *faults.routes(armed)])


def main() -> None:
    given = serving.arguments("register")
    listener = serving.bound(given.port)
    asyncio.run(serving.serve(application(Questions(Record(given.data, "register", SCHEMA))), listener))


if __name__ == "__main__":
    main()
