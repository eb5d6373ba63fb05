"""Where the demo's mail ends up: `python -m config.world.mailbox --port SMTP --pop-port POP3 --http-port HTTP --data DIR`.

SMTP  keeps every message as it came, also one that comes again. It is on disk before the 250.
GET /                       the messages as a page, newest first
GET /messages               {"messages": [{"id", "key" (X-Effect-Key), "message_id", "from", "to", "subject", "text",
                            "headers": [[name, value]], "envelope": {"from", "to"}, "received_at", "copies"}]}, newest first;
                            `copies` says how many messages have this key. ?to=ADDRESS: only what was sent to this address,
                            by the envelope. /messages.json is the same.
GET /messages/by-key/{key}  the same for one key; an empty list when there is none
POST /messages/by-key/{key}/replies  {"text"} -> 201 {"message_id"}: the reader answers, by a real e-mail (answering.py)
POP3  the messages to one address (pop3.py); password HOLDPOINT_SALES_PASSWORD, "holdpoint-demo" unless it is set
/faults                     see faults.py; each message counts, when its DATA is complete, replies too:
    timeout 60 s without an answer, nothing kept | unavailable 451, limited 450, declined 550, rubbish a line that is no SMTP
    reply: nothing kept | drop the message is kept and the connection cut before the 250
/pop3/faults                the same door for POP3; pop3.py says what each mode does there

Prints "ready http://127.0.0.1:HTTP smtp://127.0.0.1:SMTP pop3://127.0.0.1:POP3" when all listen.
"""

import asyncio
import os

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from config.world import answering, faults, page, pop3, serving
from config.world.letters import SCHEMA, Letters
from config.world.record import Record
from config.world.replies import Replies

LARGEST_MESSAGE = 2 * 1024 * 1024
KEPT = "250 2.0.0 Kept"
REPLIES = {
    "unavailable": "451 4.3.0 The mailbox is not available, try again later",
    "limited": "450 4.7.1 Too many messages, slow down",
    "declined": "550 5.7.1 The mailbox does not take this message",
    "rubbish": "<!doctype html><title>Back in a moment</title>",
}


class Postbox:
    """Takes what aiosmtpd has read."""

    def __init__(self, letters: Letters, armed: faults.Faults) -> None:
        self._letters = letters
        self._armed = armed

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:
        mode = self._armed.take()
        if mode == "timeout":
            # A sender that leaves cancels this handler.
            await asyncio.sleep(faults.HOLD_SECONDS)
            return await _cut(server)
        if mode in REPLIES:
            return REPLIES[mode]
        raw = envelope.original_content or b""
        self._letters.keep(raw, envelope_from=envelope.mail_from or "", envelope_to=envelope.rcpt_tos)
        return await _cut(server) if mode == "drop" else KEPT


async def _cut(server: SMTP) -> str:
    """End the connection. The loss cancels the handler at the await, so no reply is written."""
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()
    await asyncio.sleep(1)
    return KEPT


def application(letters: Letters, armed: faults.Faults, reading: faults.Faults, smtp: tuple[str, int]) -> Starlette:
    async def everything(request: Request) -> Response:
        return page.asked_for(letters.newest(page.MOST), letters.count(), request.query_params)

    async def listed(request: Request) -> Response:
        address = request.query_params.get("to")
        return JSONResponse({"messages": letters.newest() if address is None else letters.to(address.strip())})

    async def by_key(request: Request) -> Response:
        return JSONResponse({"messages": letters.by_key(request.path_params["key"])})

    return Starlette(
        routes=[
            Route("/", everything),
            Route("/messages", listed),
            Route("/messages.json", listed),
            *answering.routes(letters, Replies(letters, smtp)),
            Route("/messages/by-key/{key:path}", by_key),
            *page.routes(),
            *faults.routes(armed),
            Mount("/pop3", routes=faults.routes(reading)),
        ]
    )


async def _run(letters: Letters, smtp_port: int, pop_port: int, http_port: int) -> None:
    armed, reading = faults.Faults(), faults.Faults()
    postbox, inbound = Postbox(letters, armed), serving.bound(smtp_port)
    outbound, web = serving.bound(pop_port), serving.bound(http_port)
    password = os.environ.get("HOLDPOINT_SALES_PASSWORD") or "holdpoint-demo"

    def session() -> SMTP:
        return SMTP(
            postbox, hostname="localhost", ident="Mailbox", enable_SMTPUTF8=True, data_size_limit=LARGEST_MESSAGE
        )

    also = f"{serving.address('smtp', inbound)} {serving.address('pop3', outbound)}"
    async with (
        await asyncio.get_running_loop().create_server(session, sock=inbound),
        pop3.listening(letters, password, reading, outbound),
    ):
        await serving.serve(application(letters, armed, reading, inbound.getsockname()), web, also=also)


def main() -> None:
    given = serving.arguments("mailbox", "--pop-port", "--http-port")
    letters = Letters(Record(given.data, "mailbox", SCHEMA))
    asyncio.run(_run(letters, given.port, given.pop_port, given.http_port))


if __name__ == "__main__":
    main()
