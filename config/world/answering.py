"""The two doors by which a reply comes in: the form on the page, and one for programs.

POST /messages/{id}/replies          form fields `text` and `form`; 303 to the page, or the page again that says what is wrong
POST /messages/by-key/{key}/replies  {"text"} -> 201 {"message_id"}, to the first message with this effect key. A header
                                     Idempotency-Key makes it safe to repeat. Errors are {"error": code, "why": sentence}.

Both refuse a request that a browser says comes from the page of another site.
"""

import json
import uuid
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from config.world import page
from config.world.letters import Letters
from config.world.replies import NoReply, Replies

LARGEST_BODY = 128 * 1024
OWN = ("", "same-origin", "none")  # of Sec-Fetch-Site; programs send none


def routes(letters: Letters, replies: Replies) -> list[Route]:
    async def by_program(request: Request) -> Response:
        try:
            text = _told(await _read(request))
            found = letters.by_key(request.path_params["key"])
            if not found:
                raise NoReply("no_such_message", "No message has this effect key.", 404)
            form = request.headers.get("idempotency-key") or str(uuid.uuid4())
            return JSONResponse({"message_id": await replies.send(found[-1], text, form=form)}, 201)
        except NoReply as why:
            return JSONResponse({"error": why.code, "why": str(why)}, why.status)

    async def by_form(request: Request) -> Response:
        number, text = request.path_params["id"], ""
        try:
            text, form = _fields(await _read(request))
            found = letters.by_id(number)
            if found is None:
                raise NoReply("no_such_message", "Nothing was sent: there is no such message.", 404)
            await replies.send(found, text, form=form)
        except NoReply as why:
            draft = page.Draft(message=number, text=text, problem=str(why))
            return page.shown(letters.newest(page.MOST), letters.count(), draft=draft, status=why.status)
        return RedirectResponse(f"/?replied={number}#message-{number}", 303)

    return [
        Route("/messages/by-key/{key:path}/replies", by_program, methods=["POST"]),
        Route("/messages/{id:int}/replies", by_form, methods=["POST"]),
    ]


async def _read(request: Request) -> bytes:
    if request.headers.get("sec-fetch-site", "") not in OWN:
        raise NoReply("other_site", "Nothing was sent: the reply came from another page. Write it here.", 403)
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > LARGEST_BODY:
            raise NoReply("body_too_large", "Nothing was sent: the reply is far too long.", 413)
    return raw


def _told(raw: bytes) -> str:
    try:
        body: Any = json.loads(raw)
    except (ValueError, RecursionError):
        raise NoReply("not_json", "The body is not JSON.", 400) from None
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise NoReply("no_text", 'The body is not {"text": words}.')
    return text


def _fields(raw: bytes) -> tuple[str, str]:
    try:
        given = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise NoReply("bad_form", "Nothing was sent: the form came in pieces. Send it again from here.") from None
    return given.get("text", [""])[0], given.get("form", [""])[0]
