"""A reader answers: the reply is a real e-mail that goes through the mailbox's own SMTP door."""

import asyncio
import smtplib
import uuid
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from config.world.letters import Letters

MOST_TEXT = 4000


class Unusable(Exception):
    """Why there is no reply, for people."""


def routes(letters: Letters, smtp: tuple[str, int]) -> list[Route]:
    async def by_program(request: Request) -> Response:
        found = letters.by_key(request.path_params["key"])
        try:
            body = await request.json()
            text = body.get("text", "") if isinstance(body, dict) else ""
        except (ValueError, RecursionError):
            return JSONResponse({"error": "not_json"}, 400)
        if not found:
            return JSONResponse({"error": "no_such_message"}, 404)
        try:
            sent = await _answer(letters, smtp, found[0], text, form=str(uuid.uuid4()))
        except Unusable as why:
            return JSONResponse({"error": str(why)}, 422)
        return JSONResponse({"message_id": sent}, 201)

    async def by_form(request: Request) -> Response:
        given = await request.form()
        key, form = request.path_params["id"], str(given.get("form", ""))[:80]
        found = [message for message in letters.newest() if message["id"] == key]
        try:
            if not found or not form:
                raise Unusable("There is no such message.")
            await _answer(letters, smtp, found[0], str(given.get("text", "")), form=form)
        except Unusable as why:
            return RedirectResponse(f"/?problem={key}&why={str(why).replace(' ', '+')}#message-{key}", 303)
        return RedirectResponse(f"/?replied={key}#message-{key}", 303)

    return [
        Route("/messages/by-key/{key}/replies", by_program, methods=["POST"]),
        Route("/messages/{id:int}/replies", by_form, methods=["POST"]),
    ]


async def _answer(letters: Letters, smtp: tuple[str, int], message: dict[str, Any], text: str, *, form: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Unusable("Write something first.")
    if len(text) > MOST_TEXT:
        raise Unusable(f"Write at most {MOST_TEXT} characters.")
    sent = letters.answered(form)
    if sent:
        return sent
    reply = _reply(message, text)
    letters.note_answer(form, reply["Message-ID"])
    await asyncio.to_thread(_send, smtp, reply)
    return str(reply["Message-ID"])


def _reply(message: dict[str, Any], text: str) -> EmailMessage:
    headers = {name.lower(): value for name, value in message["headers"]}
    reply = EmailMessage()
    reply["From"] = message["to"]
    reply["To"] = headers.get("reply-to") or message["from"]
    subject = message["subject"]
    reply["Subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}"
    reply["Date"], reply["Message-ID"] = formatdate(), f"<{uuid.uuid4()}@reader.example>"
    if message["message_id"]:
        reply["In-Reply-To"] = message["message_id"]
        reply["References"] = f"{headers.get('references', '')} {message['message_id']}".strip()
    quoted = "\n".join(f"> {line}" for line in message["text"].split("\n")[:40])
    reply.set_content(f"{text}\n\nOn {message['received_at']} {message['from']} wrote:\n{quoted}\n")
    return reply


def _send(smtp: tuple[str, int], reply: EmailMessage) -> None:
    with smtplib.SMTP(*smtp, timeout=10) as line:
        line.sendmail(
            parseaddr(str(reply["From"]))[1], [parseaddr(str(reply["To"]))[1]], reply.as_bytes(policy=policy.SMTP)
        )
