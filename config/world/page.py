"""The mailbox as a page for people. No script, no inline style: the policy in its header would refuse them."""

import uuid
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_PAGE = Template((HERE / "templates" / "mailbox.html").read_text("utf-8"))
_MESSAGE = Template((HERE / "templates" / "message.html").read_text("utf-8"))
_REPLY = Template((HERE / "templates" / "reply.html").read_text("utf-8"))
SAMPLES = (
    ("Interested", "Thank you, that sounds interesting. Could we talk on Tuesday?"),
    ("Not interested", "Thank you, but we are not interested. Please do not write again."),
    ("Later", "We cannot look at this now. Please ask again next quarter."),
)
_EMPTY = '<p class="empty">No message has arrived yet. When a run sends an e-mail, it shows up here.</p>'


def routes() -> list[BaseRoute]:
    return [Mount("/static", StaticFiles(directory=HERE / "static"))]


def shown(messages: list[dict[str, Any]], total: int, told: dict[str, str] | None = None) -> Response:
    """The page of `messages`, newest first, out of `total`. `told` says which one was just answered, or why not."""
    listed = "\n".join(_message(message, told or {}) for message in messages)
    html = _PAGE.substitute(
        count=_counted(len(messages), total),
        messages=f'<ol class="messages">\n{listed}\n</ol>' if messages else _EMPTY,
    )
    return HTMLResponse(html, headers=HEADERS)


def _counted(shown_now: int, total: int) -> str:
    if shown_now < total:
        return f"The newest {shown_now} of {total:,} messages"
    return "1 message" if total == 1 else f"{total:,} messages"


def _message(message: dict[str, Any], told: dict[str, str]) -> str:
    when = datetime.fromisoformat(message["received_at"])
    text = {name: escape(message[name]) for name in ("from", "to", "key", "received_at", "message_id")}
    return _MESSAGE.substitute(
        id=message["id"],
        sender=text["from"] or "nobody named",
        recipient=text["to"] or "nobody named",
        subject=escape(message["subject"]) or "No subject",
        text=escape(message["text"]) or "This message has no plain text.",
        key=text["key"] or "none",
        message_id=text["message_id"] or "none",
        received_at=text["received_at"],
        when=f"{when.day} {when:%b %Y, %H:%M:%S} UTC",
        again=_again(message["copies"]),
        reply=_reply(message, told),
    )


def _reply(message: dict[str, Any], told: dict[str, str]) -> str:
    """The form with which the reader of a mail that the product sent answers it."""
    if not message["key"]:
        return ""
    key, said = str(message["id"]), ""
    if told.get("replied") == key:
        said = '<p class="told" role="status">Your reply is on its way.</p>'
    if told.get("problem") == key:
        said = f'<p class="told problem" role="alert">{escape(told.get("why", ""))}</p>'
    samples = "".join(
        f'<button class="button" name="text" value="{escape(text)}">{label}</button>' for label, text in SAMPLES
    )
    return _REPLY.substitute(id=key, form=uuid.uuid4(), told=said, samples=samples, open=" open" if said else "")


def _again(copies: int) -> str:
    return (
        f'<p class="again"><span aria-hidden="true">!</span> {copies} messages have this effect key</p>'
        if copies > 1
        else ""
    )
