"""The refund desk: a ticket comes in, a refund is proposed, people decide, the ledger pays, a mail confirms it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from runs import errors, guardrails
from runs.agents import planner
from runs.agents.models import Spent, spent
from runs.engine.context import Context
from runs.engine.workflows import workflow
from runs.tools import mail, shop

MOST_PROPOSALS = 3  # after that many refusals the ticket is closed without a refund


class Ticket(BaseModel):
    """What a customer asks for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    order: shop.OrderNumber
    email: Annotated[str, StringConstraints(to_lower=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    story: str = Field(min_length=10, max_length=2000)
    amount_minor: int | None = Field(default=None, gt=0, le=100_000_000)


class Proposal(BaseModel):
    """What a planner may propose; anything else it says is refused."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["refund", "decline"]
    amount_minor: int = Field(ge=0, le=100_000_000)
    reason: str = Field(min_length=3, max_length=400)
    quote: str = Field(max_length=300)


class Letter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=3, max_length=150)
    text: str = Field(min_length=10, max_length=5000)


class Drafted(Spent):
    """A proposal that passed the contract, and what it took."""

    proposal: Proposal


class Written(Spent):
    letter: Letter


def draft(ticket: dict, order: dict, refused: list[str]) -> Drafted:
    said = planner.ask("propose_refund", {"ticket": ticket, "order": order, "refused": refused})
    proposal = guardrails.through(Proposal, said.text)
    if proposal.decision == "refund" and not 0 < proposal.amount_minor <= order["total_minor"]:
        raise errors.BrokenContract("The model proposed more than was paid, or nothing.")
    return Drafted(proposal=proposal, **spent(said))


def write_letter(facts: dict) -> Written:
    said = planner.ask("write_confirmation", facts)
    letter = guardrails.through(Letter, said.text)
    if facts["refund"] not in letter.text:
        raise errors.BrokenContract("The letter does not name the receipt it confirms.")
    return Written(letter=letter, **spent(said))


@workflow(
    name="refund_desk",
    version=1,
    title="Refund desk",
    input=Ticket,
    describe=lambda ticket: f"Refund for order {ticket.order}",
    subject=lambda ticket: ticket.order,
)
def refund_desk(ctx: Context, ticket: Ticket) -> dict:
    """Returns {"outcome": "refunded" or "declined", ...}."""
    order = ctx.step("read_order", shop.read_order, ticket.order)
    if order.customer.email.lower() != ticket.email:
        return {"outcome": "declined", "why": "The e-mail on the ticket is not the one on the order."}
    refused: list[str] = []
    for _ in range(MOST_PROPOSALS):
        drafted = ctx.step("draft_refund", draft, ticket.model_dump(), order.model_dump(), list(refused), kind="model")
        if drafted.proposal.decision == "decline":
            return {"outcome": "declined", "why": drafted.proposal.reason}
        try:
            receipt = _pay(ctx, ticket, order, drafted.proposal)
        except errors.ActionRefused as refusal:
            if refusal.code != "rejected":
                raise
            refused.append(refusal.reason)
            continue
        sent = _confirm(ctx, order, receipt)
        return {
            "outcome": "refunded",
            "refund": receipt.refund,
            "amount_minor": receipt.amount_minor,
            "currency": receipt.currency,
            "mail": sent.message_id,
        }
    return {"outcome": "declined", "why": f"Refused {len(refused)} times: {refused[-1]}"}


def _pay(ctx: Context, ticket: Ticket, order: shop.Order, proposal: Proposal) -> shop.RefundReceipt:
    arguments = {
        "order": order.order,
        "customer": order.customer.name,
        "amount_minor": proposal.amount_minor,
        "currency": order.currency,
        "paid_with": order.paid_with,
        "reason": proposal.reason,
    }
    bought = ", ".join(f"{item.quantity} × {item.name}" for item in order.items)
    evidence = [
        {
            "source": f"{order.customer.name}, ticket",
            "origin": "from outside",
            "quote": ticket.story,
            "step": "",
            "icon": "mail",
        },
        {
            "source": f"Order {order.order} of {order.placed_on}",
            "origin": "your order service",
            "quote": f"{bought}. Paid {order.total_minor / 100:.2f} {order.currency} with {order.paid_with}.",
            "step": "read_order",
            "icon": "book",
        },
    ]
    return ctx.act("refund_payment", arguments, evidence=evidence, reasoning=proposal.reason)


def _confirm(ctx: Context, order: shop.Order, receipt: shop.RefundReceipt) -> mail.MailReceipt:
    facts = {
        "name": order.customer.name,
        "order": order.order,
        "amount_minor": receipt.amount_minor,
        "currency": receipt.currency,
        "paid_with": order.paid_with,
        "refund": receipt.refund,
    }
    letter = ctx.step("write_letter", write_letter, facts, kind="model").letter
    message = {"to": order.customer.email, "name": order.customer.name, "subject": letter.subject, "text": letter.text}
    evidence = [
        {
            "source": f"Receipt {receipt.refund}",
            "origin": "your ledger",
            "quote": f"{receipt.amount_minor / 100:.2f} {receipt.currency}, {receipt.status}",
            "step": "refund_payment",
            "icon": "money",
        }
    ]
    return ctx.act("send_email", message, evidence=evidence)
