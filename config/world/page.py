"""The mailbox as a page for people. No inline script or style: the policy in its header would refuse them."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
MOST = 200  # messages on the page
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
SAMPLES = {
    "interested": ("Interested", "Thank you, that sounds interesting. Could we talk on Tuesday at ten?"),
    "stop": (
        "Not interested, please stop",
        "Thank you, but we are not interested. Please do not write to me again.",
    ),
    "later": ("Later", "We cannot look at this now. Please ask me again next quarter."),
}

_PAGE, _MESSAGE, _REPLY = (
    Template((HERE / "templates" / f"{name}.html").read_text("utf-8")) for name in ("mailbox", "message", "reply")
)
_EMPTY = '<p class="empty">No message has arrived yet. When a run sends an e-mail, it shows up here.</p>'
_QUOTE = re.compile(r"\nOn [^\n]{5,200} wrote:\n(?:>[^\n]*(?:\n|\Z))+\Z")
_NOTICE = '<p class="notice problem" role="alert"><span aria-hidden="true">!</span> {}</p>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reply that somebody is writing."""

    message: int
    text: str
    problem: str = ""  # why it was not sent


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a message's own text does not know: the messages around it, and what its reader just did."""

    by_message_id: dict[str, dict[str, Any]]
    answers: dict[str, list[dict[str, Any]]]  # Message-ID -> replies, oldest first
    draft: Draft | None
    replied: int


def routes() -> list[BaseRoute]:
    return [Mount("/static", StaticFiles(directory=HERE / "static"))]


def asked_for(messages: list[dict[str, Any]], total: int, query: Mapping[str, str]) -> Response:
    """The page by address: ?replied=ID thanks for a reply, ?draft=ID&sample=NAME opens a form with a sample in it."""
    replied, drafted = _number(query.get("replied", "")), _number(query.get("draft", ""))
    _, text = SAMPLES.get(query.get("sample", ""), ("", ""))
    return shown(messages, total, draft=Draft(message=drafted, text=text) if drafted else None, replied=replied)


def shown(
    messages: list[dict[str, Any]], total: int, *, draft: Draft | None = None, replied: int = 0, status: int = 200
) -> Response:
    """The page of `messages`, newest first, out of `total`."""
    seen = _Seen({message["message_id"]: message for message in messages}, _answers(messages), draft, replied)
    listed = "\n".join(_message(message, seen) for message in messages)
    lost = draft is not None and draft.message not in {message["id"] for message in messages}
    html = _PAGE.substitute(
        count=_counted(len(messages), total),
        notice=_NOTICE.format(escape(draft.problem)) if draft and draft.problem and lost else "",
        messages=f'<ol class="messages">\n{listed}\n</ol>' if messages else _EMPTY,
    )
    return HTMLResponse(html, status, headers=HEADERS)


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,15}", text) else 0


def _answers(messages: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for message in reversed(messages):
        found.setdefault(_answered(message), []).append(message)
    return found


def _answered(message: dict[str, Any]) -> str:
    """The Message-ID that `message` answers, or ""."""
    return next((value.strip() for name, value in message["headers"] if name.lower() == "in-reply-to"), "")


def _counted(shown_now: int, total: int) -> str:
    if shown_now < total:
        return f"The newest {shown_now} of {total:,} messages"
    return "1 message" if total == 1 else f"{total:,} messages"


def _message(message: dict[str, Any], seen: _Seen) -> str:
    text = {name: escape(message[name]) for name in ("from", "to", "key", "received_at", "message_id")}
    return _MESSAGE.substitute(
        id=message["id"],
        sender=text["from"] or "nobody named",
        recipient=text["to"] or "nobody named",
        subject=escape(message["subject"]) or "No subject",
        text=_text(message["text"]),
        key=text["key"] or "none",
        message_id=text["message_id"] or "none",
        received_at=text["received_at"],
        when=_when(message),
        again=_again(message["copies"]),
        thread=_thread(message, seen),
        reply=_reply(message, seen),
    )


def _when(message: dict[str, Any]) -> str:
    when = datetime.fromisoformat(message["received_at"])
    return f"{when.day} {when:%b %Y, %H:%M:%S} UTC"


def _text(text: str) -> str:
    quote = _QUOTE.search(text)
    own, rest = (text[: quote.start()], quote.group()[1:]) if quote else (text, "")
    plain = re.sub("(?m)^> ?", "", rest.strip())
    quoted = f'<div class="quoted">{escape(plain)}</div>' if rest else ""
    return (escape(own.strip()) or "This message has no plain text.") + quoted


def _thread(message: dict[str, Any], seen: _Seen) -> str:
    """Links to the message that this one answers, and to those that answer it."""
    first = seen.by_message_id.get(_answered(message))
    alone = first is not None and first["from"] == message["from"]
    lines = [("Follows" if alone else "Answers", first, first["subject"] or "No subject")] if first else []
    if message["message_id"]:
        lines += [
            (
                "Followed by" if reply["from"] == message["from"] else "Answered by",
                reply,
                f"{reply['from']}, {_when(reply)}",
            )
            for reply in seen.answers.get(message["message_id"], ())
        ]
    links = (f'<li>{word} <a href="#message-{to["id"]}">{escape(label)}</a></li>' for word, to, label in lines)
    return f'<ul class="thread">{"".join(links)}</ul>' if lines else ""


def _reply(message: dict[str, Any], seen: _Seen) -> str:
    """The form with which the reader of a mail that the product sent answers it."""
    if not message["key"]:
        return ""
    number, draft = message["id"], seen.draft
    mine = draft if draft and draft.message == number else Draft(message=number, text="")
    done = '<p class="told" role="status"><span aria-hidden="true">✓</span> Your reply was sent.</p>'
    said = f'<span aria-hidden="true">!</span> {escape(mine.problem)}'
    problem = f'<p class="problem" id="problem-{number}" role="alert">{said}</p>'
    samples = "".join(
        f'<li><a class="button" href="/?draft={number}&amp;sample={name}#reply-{number}" data-fill="{escape(text)}">'
        f"{label}</a></li>"
        for name, (label, text) in SAMPLES.items()
    )
    return _REPLY.substitute(
        id=number,
        form=uuid.uuid4(),
        open=" open" if mine is draft else "",
        focus=" autofocus" if mine is draft else "",
        told=done if seen.replied == number else "",
        samples=samples,
        reader=escape(message["to"]) or "the reader",
        problem=problem if mine.problem else "",
        invalid=f' aria-invalid="true" aria-describedby="problem-{number}"' if mine.problem else "",
        text=escape(mine.text),
    )


def _again(copies: int) -> str:
    return (
        f'<p class="again"><span aria-hidden="true">!</span> {copies} messages have this effect key</p>'
        if copies > 1
        else ""
    )
