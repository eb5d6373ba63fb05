"""A sales mail to one person. Whoever asked not to be contacted is never reached by it."""

from typing import Any

from pydantic import Field

from runs.states import EffectClass
from runs.tools import mail
from runs.tools.registry import Check, Tool, register

SENDER = "Maya Lindqvist <sales@northwind.example>"


class Outreach(mail.Mail):
    """One e-mail to one lead; `reply_to_id` puts it into the thread of an earlier one."""

    company: str = Field(max_length=120)
    reply_to_id: str = Field(default="", max_length=120, pattern=r"^(<[^<>\s]+>)?$")


def subject_of(value: Any) -> str:
    """The subject that a mail speaks to."""
    return f"lead:{value.to.lower()}"


def send(value: Outreach, key: str) -> mail.MailReceipt:
    return mail.send_as(SENDER, value, key, in_reply_to=value.reply_to_id)


def seen(value: Outreach, receipt: mail.MailReceipt, key: str) -> Check:
    """Accepted by the receiving server (250), and where the mailbox can be asked, there to be read."""
    if not receipt.answer.startswith(("250", "found")) and "by hand" not in receipt.answer:
        return Check(ok=False, detail=f"The receiving server answered {receipt.answer[:80]!r}, which is no acceptance.")
    if not mail.can_look_up():
        return Check(ok=True, detail=f"Accepted by the receiving server: {receipt.answer[:120]}")
    found = mail.look_up(value, key)
    return Check(ok=found.found, detail=found.detail)


SEND = register(
    Tool(
        name="send_outreach",
        version=1,
        title="Send a sales e-mail",
        effect=EffectClass.EGRESS,
        input=Outreach,
        output=mail.MailReceipt,
        send=send,
        probe=mail.look_up,
        verify=seen,
        reaches=subject_of,
        stale_on=("reply",),
    )
)
