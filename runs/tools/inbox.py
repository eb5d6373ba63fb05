"""Mail that comes in, read by POP3 (RFC 1939). Nothing is deleted: what was read before is known by its id."""

import email
import poplib
import re
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import BaseModel, ConfigDict

from runs import errors
from runs.tools import credentials, mail

LATER = re.compile(r"\[(?:SYS/TEMP|LOGIN-DELAY|IN-USE)\]", re.IGNORECASE)  # RFC 2449, RFC 3206: come again
MOST_NEW = 50  # messages of one look; the rest is read at the next
MOST_TEXT = 20_000  # characters
_QUOTED = re.compile(r"^(On .{5,200} wrote:|-{2,}\s*Original Message\s*-{2,}|_{8,}|From: .+)\s*$", re.MULTILINE)


class Received(BaseModel):
    """One mail as far as runs care. The text is what its writer added, without the quoted rest. Untrusted."""

    model_config = ConfigDict(frozen=True)

    uid: str
    message_id: str
    sender: str  # address, lower case
    name: str
    subject: str
    text: str
    sent: str
    answers: str  # effect key of our mail that it answers; empty when it names none
    kind: Literal["reply", "automatic", "bounce"]


def read_new(address: str, credential: str, known: Callable[[list[str]], set[str]]) -> list[Received]:
    """Mails in the mailbox of `address` that are not `known` (ids in, known ids out), oldest first.

    Raises `Unreachable` when the server is away and `Declined` when it refuses the sign-in.
    """
    server = _connect()
    try:
        _sign_in(server, address, credentials.resolve(credential))
        listed = [line.decode("ascii", "replace").split(maxsplit=1) for line in server.uidl()[1]]
        ids = {parts[1]: parts[0] for parts in listed if len(parts) == 2}
        new = [uid for uid in ids if uid not in known(list(ids))][:MOST_NEW]
        found = [_received(uid, b"\r\n".join(server.retr(ids[uid])[1])) for uid in new]
        server.quit()
        return found
    except (OSError, EOFError, poplib.error_proto) as error:
        raise errors.Unreachable(f"Reading the mailbox of {address} stopped: {type(error).__name__}.") from None
    finally:
        server.close()


def _connect() -> poplib.POP3:
    url = urlsplit(settings.HOLDPOINT_WORLD["pop3"])
    kind = poplib.POP3_SSL if url.scheme == "pop3s" else poplib.POP3
    try:
        return kind(
            url.hostname or "", url.port or kind_port(url.scheme), timeout=settings.HOLDPOINT_TOOL_TIMEOUT_SECONDS
        )
    except (OSError, EOFError, poplib.error_proto):
        raise errors.Unreachable("The mail server for incoming mail could not be reached.") from None


def kind_port(scheme: str) -> int:
    return poplib.POP3_SSL_PORT if scheme == "pop3s" else poplib.POP3_PORT


def _sign_in(server: poplib.POP3, address: str, password: str) -> None:
    try:
        server.user(address)
        server.pass_(password)
    except poplib.error_proto as error:
        if LATER.search(str(error)):
            raise errors.Unreachable(f"The mail server has no time for {address} now.") from None
        raise errors.Declined(f"The mail server refused the sign-in for {address}. Check its credential.") from None


def _received(uid: str, raw: bytes) -> Received:
    message = email.message_from_bytes(raw, policy=default)
    name, sender = parseaddr(_header(message, "From"))
    refers = [_header(message, "In-Reply-To"), *_header(message, "References").split()[::-1]]
    return Received(
        uid=uid,
        message_id=_header(message, "Message-ID")[:200],
        sender=sender.lower()[:254],
        name=name[:120],
        subject=_header(message, "Subject")[:200],
        text=_own_words(_text(message)),
        sent=_header(message, "Date")[:60],
        answers=next((key for key in map(mail.key_of, refers) if key), ""),
        kind=_kind(message, sender),
    )


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, "")).replace("\x00", "").strip()
    except (ValueError, LookupError, IndexError, AttributeError):  # headers that break the parser exist
        return ""


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        content = part.get_content()
    except (LookupError, ValueError, KeyError):
        content = bytes(part.get_payload(decode=True) or b"").decode("utf-8", "replace")
    if part.get_content_subtype() == "html":
        content = re.sub(r"<[^>]+>", " ", re.sub(r"(?is)<(script|style).*?</\1>", " ", content))
    return content.replace("\x00", "").replace("\r\n", "\n")


def _own_words(text: str) -> str:
    quoted = _QUOTED.search(text)
    own = text[: quoted.start()] if quoted else text
    lines = [line.rstrip() for line in own.split("\n") if not line.startswith(">")]
    return "\n".join(lines).strip()[:MOST_TEXT]


def _kind(message: EmailMessage, sender: str) -> Literal["reply", "automatic", "bounce"]:
    """RFC 3834 says how automatic answers mark themselves, RFC 3464 how failures are reported."""
    if message.get_content_type() == "multipart/report" or sender.lower().startswith(("mailer-daemon@", "postmaster@")):
        return "bounce"
    automatic = _header(message, "Auto-Submitted").lower() not in ("", "no")
    return "automatic" if automatic or _header(message, "Precedence").lower() in ("bulk", "auto_reply") else "reply"
