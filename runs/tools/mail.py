"""Mail by SMTP. A message that left and was not confirmed is an unknown outcome: SMTP knows no idempotency key."""

import smtplib
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import Field

from runs import errors
from runs.states import EffectClass
from runs.tools import http
from runs.tools.registry import Probe, Tool, register
from runs.tools.shop import Answer, Strict

SENDER = "Refund desk <desk@northwind.example>"


class Mail(Strict):
    to: str = Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$", max_length=254)
    name: str = Field(max_length=120)
    subject: str = Field(min_length=3, max_length=150, pattern=r"^[^\r\n]*$")
    text: str = Field(min_length=10, max_length=5000)


class MailReceipt(Answer):
    to: str
    message_id: str
    answer: str  # what the receiving server said


def send(mail: Mail, key: str) -> MailReceipt:
    return send_as(SENDER, mail, key)


def send_as(sender: str, mail: Mail, key: str, in_reply_to: str = "") -> MailReceipt:
    """Hand one message to the server. The effect key travels as X-Effect-Key and in the Message-ID."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message["Date"], message["Message-ID"], message["X-Effect-Key"] = formatdate(), message_id(key), key
    if in_reply_to:
        message["In-Reply-To"] = message["References"] = in_reply_to
    message.set_content(mail.text)
    server = _connect()
    try:
        answer = _deliver(server, message, parseaddr(sender)[1], mail.to)
        return MailReceipt(to=mail.to, message_id=message_id(key), answer=answer)
    finally:
        server.close()


def message_id(key: str) -> str:
    return f"<{key}@holdpoint>"


def key_of(message_id: str) -> str:
    """The effect key in a Message-ID of ours; empty for somebody else's."""
    inner = message_id.strip().strip("<>")
    return inner.removesuffix("@holdpoint") if inner.endswith("@holdpoint") else ""


def can_look_up() -> bool:
    """Whether the receivers' mailbox can be asked, as it can in the demo."""
    return bool(settings.HOLDPOINT_WORLD["mailbox"])


def _connect() -> smtplib.SMTP:
    url = urlsplit(settings.HOLDPOINT_WORLD["smtp"])
    try:
        server = smtplib.SMTP(timeout=settings.HOLDPOINT_TOOL_TIMEOUT_SECONDS)
        server.connect(url.hostname or "", url.port or 25)
        server.ehlo_or_helo_if_needed()
    except (OSError, smtplib.SMTPException):
        raise errors.Unreachable("The mail server could not be reached. Nothing was sent.") from None
    return server


def _deliver(server: smtplib.SMTP, message: EmailMessage, sender: str, to: str) -> str:
    """Until DATA nothing has been accepted; after it only a 250 is certain."""
    try:
        for code, said in (server.mail(sender), server.rcpt(to)):
            _refuse(code, said)
        code, said = server.data(message.as_bytes(policy=policy.SMTP))
    except smtplib.SMTPDataError as error:
        _refuse(error.smtp_code, error.smtp_error)
        raise errors.Declined("The mail server did not take the message.") from None
    except smtplib.SMTPServerDisconnected:
        raise errors.Unclear("The line to the mail server dropped before it confirmed.") from None
    except TimeoutError:
        raise errors.Unclear("The mail server did not answer in time.") from None
    except OSError as error:
        raise errors.Unclear(f"The line to the mail server broke ({type(error).__name__}).") from None
    _refuse(code, said)
    if code != 250:
        raise errors.Unclear(f"The mail server answered {code}, which is neither yes nor no.")
    return f"{code} {said.decode('utf-8', 'replace')}"[:200]


def _refuse(code: int, said: bytes | str) -> None:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if code >= 500:
        raise errors.Declined(f"The mail server said no ({code}): {words[:200]}")
    if code >= 400:
        raise errors.Limited(f"The mail server asked to come back later ({code}): {words[:200]}")


def look_up(mail: Mail, key: str) -> Probe:
    """Ask the receiver's mailbox whether it has this message."""
    body = http.call("GET", settings.HOLDPOINT_WORLD["mailbox"], f"/messages/by-key/{key}") or {}
    found = body.get("messages", [])
    if not found:
        return Probe(found=False, receipt=None, detail="The mailbox has no message with this key.")
    receipt = {"to": mail.to, "message_id": message_id(key), "answer": "found in the mailbox"}
    return Probe(found=True, receipt=receipt, detail="The mailbox has this message.")


SEND = register(
    Tool(
        name="send_email",
        version=1,
        title="Send an e-mail",
        effect=EffectClass.IRREVERSIBLE,
        input=Mail,
        output=MailReceipt,
        send=send,
        probe=look_up,
    )
)
