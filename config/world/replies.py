"""A reader answers a mail: the reply is a real e-mail that goes through the mailbox's own SMTP door.

A reply belongs to a form: a word that whoever replies makes up. Its Message-ID follows from the message and the form, so one
form sends one reply, however often it comes, at once or later, and also after the program was killed in between.
"""

import asyncio
import re
import smtplib
import uuid
from datetime import datetime
from email import errors, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, getaddresses
from typing import Any

from config.world.letters import Letters

MOST_TEXT = 4000
MOST_FORM = 100
MOST_QUOTED, MOST_QUOTED_TEXT = 40, 20_000  # lines, characters
SECONDS = 10
_ID = re.compile(r"<[^<>\s]{1,250}>")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Long ids must not be folded: a folded one is encoded, and then no reader finds the thread.
_POLICY = policy.SMTP.clone(max_line_length=900)


class NoReply(Exception):
    """Nothing was sent. Its text says why and what to do, for people; `code` says it for programs."""

    def __init__(self, code: str, text: str, status: int = 422) -> None:
        super().__init__(text)
        self.code, self.status = code, status


class Replies:
    """Sends replies to `letters` through the SMTP server at `smtp`. Used from the event loop's thread only."""

    def __init__(self, letters: Letters, smtp: tuple[str, int]) -> None:
        self._letters, self._smtp = letters, smtp
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def send(self, message: dict[str, Any], text: str, *, form: str) -> str:
        """The Message-ID of the reply, which lies in the mailbox when this returns. Raises `NoReply`."""
        if not 1 <= len(form) <= MOST_FORM:
            raise NoReply("no_form", "This form is too old. Nothing was sent. Send it again from here.")
        reply = written(message, _checked(text), form=form)
        name = str(reply["Message-ID"])
        if name not in self._under_way and self._letters.by_message_id(name) is None:
            task = asyncio.create_task(self._deliver(reply))
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name))
        if name in self._under_way:
            await asyncio.shield(self._under_way[name])
        self._same(reply)
        return name

    async def _deliver(self, reply: EmailMessage) -> None:
        try:
            await asyncio.to_thread(_hand_over, self._smtp, reply)
        except (OSError, smtplib.SMTPException) as error:
            # A line that broke after DATA may have left the mail in the mailbox all the same.
            if self._letters.by_message_id(str(reply["Message-ID"])) is None:
                said = f"The mail server did not take your reply ({_reason(error)}). Nothing was sent. Try again."
                raise NoReply("not_sent", said, 502) from None

    def _same(self, reply: EmailMessage) -> None:
        kept = self._letters.by_message_id(str(reply["Message-ID"]))
        if kept is None or kept["text"] != reply.get_content().replace("\r\n", "\n").strip():
            said = "This form has sent another reply already, and nothing more. To send this one too, send it again."
            raise NoReply("form_used", said, 409)


def written(message: dict[str, Any], text: str, *, form: str) -> EmailMessage:
    """The reply to `message`. Raises `NoReply` when the message names nobody who could write it or get it."""
    headers = {name.lower(): " ".join(value.split()) for name, value in message["headers"]}
    reader = _address(message["envelope"]["to"][:1], message["to"])
    sender = _address([headers.get("reply-to", ""), headers.get("from", ""), message["from"]], message["from"])
    reply = EmailMessage(policy=_POLICY)
    reply["From"], reply["To"] = reader, sender
    subject = _flat(message["subject"])
    reply["Subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}".strip()
    name = uuid.uuid5(uuid.NAMESPACE_OID, f"{message['id']} {form}")
    reply["Date"] = formatdate()
    reply["Message-ID"] = f"<{name}@{reader.domain if reader.domain.isascii() else 'reader.example'}>"
    answered = _ID.findall(message["message_id"])[:1]
    if answered:
        reply["In-Reply-To"] = answered[0]
        reply["References"] = " ".join([*_ID.findall(headers.get("references", ""))[-20:], *answered])
    reply.set_content(f"{text}\n\n{_quoted(message)}\n")
    return reply


def _checked(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    text = _CONTROL.sub("", text).strip()
    if not text:
        raise NoReply(
            "no_text", "Nothing was sent: the reply has no words yet. Write some, or take one of the samples."
        )
    if len(text) > MOST_TEXT:
        said = f"Nothing was sent: the reply has {len(text):,} characters. Shorten it to {MOST_TEXT:,}."
        raise NoReply("text_too_long", said)
    return text


def _address(candidates: list[str], named: str) -> Address:
    """The first of `candidates` that is an address, with the name that it or `named` gives it."""
    names = {spec.lower(): name for name, spec in getaddresses([named])}
    for name, spec in getaddresses([candidate for candidate in candidates if candidate]):
        try:
            found = Address(display_name=_flat(_decoded(name) or names.get(spec.lower(), "")), addr_spec=spec)
        except (ValueError, IndexError, errors.MessageError):
            continue
        if found.domain:
            return found
    raise NoReply(
        "no_address", "Nothing was sent: this message names no address that a reply could go to or come from."
    )


def _decoded(name: str) -> str:
    try:
        return str(make_header(decode_header(name)))
    except (ValueError, LookupError, errors.MessageError):
        return ""


def _flat(text: str) -> str:
    """On one line, without control characters: fit for a header."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _quoted(message: dict[str, Any]) -> str:
    when = datetime.fromisoformat(message["received_at"])
    who = _flat(message["from"])[:120]
    lines = _CONTROL.sub("", message["text"][:MOST_QUOTED_TEXT]).split("\n")[:MOST_QUOTED]
    return "\n".join([f"On {when.day} {when:%b %Y, %H:%M} UTC, {who} wrote:", *(f"> {line}" for line in lines)])


def _hand_over(smtp: tuple[str, int], reply: EmailMessage) -> None:
    with smtplib.SMTP(*smtp, timeout=SECONDS) as line:
        line.send_message(reply)


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {said}"[:200]
    return "it gave no answer in time" if isinstance(error, TimeoutError) else "the line broke"
