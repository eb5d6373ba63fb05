"""Orders to look up and the ledger that pays refunds: the HTTP services of the refund desk."""

from typing import Annotated, TypeVar

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runs import errors
from runs.states import EffectClass
from runs.tools import http
from runs.tools.registry import Probe, Tool, register

OrderNumber = Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{4,8}$", max_length=16)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


T = TypeVar("T", bound=BaseModel)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Customer(Answer):
    name: str
    email: str


class Item(Answer):
    sku: str
    name: str
    quantity: int = Field(ge=1)
    price_minor: int = Field(ge=0)


class Order(Answer):
    """An order as the shop tells it. Money in minor units."""

    order: OrderNumber
    customer: Customer
    items: list[Item]
    total_minor: int = Field(ge=0)
    currency: Currency
    paid_with: str
    placed_on: str


class Refund(Strict):
    """Pay money back to the way it was paid."""

    order: OrderNumber
    customer: str = Field(min_length=1, max_length=120)
    amount_minor: int = Field(gt=0, le=100_000_000)
    currency: Currency
    paid_with: str = Field(max_length=80)
    reason: str = Field(min_length=3, max_length=500)


class RefundReceipt(Answer):
    refund: str
    order: str
    amount_minor: int
    currency: str
    status: str


class Reversal(Strict):
    """Take a refund back."""

    refund: str = Field(min_length=3, max_length=80)
    order: OrderNumber
    customer: str = Field(max_length=120)
    amount_minor: int = Field(gt=0)
    currency: Currency
    reason: str = Field(min_length=3, max_length=500)


class ReversalReceipt(Answer):
    reversal: str
    refund: str
    amount_minor: int
    currency: str
    status: str


def read_order(number: str) -> Order:
    """The order `number`. Raises `Declined` when there is none, `BrokenContract` when the answer has another shape."""
    body = http.call("GET", settings.HOLDPOINT_WORLD["orders"], f"/orders/{number}")
    if body is None:
        raise errors.Declined(f"There is no order {number}. Check the number on the ticket.")
    try:
        return Order.model_validate(body)
    except ValidationError as error:
        raise errors.BrokenContract(
            f"The order service answered in another shape: {error.errors()[0]['loc']}."
        ) from None


def pay_refund(refund: Refund, key: str) -> RefundReceipt:
    body = {name: getattr(refund, name) for name in ("order", "amount_minor", "currency", "reason")}
    return _receipt(RefundReceipt, _ledger("POST", "/refunds", key=key, json=body))


def reverse_refund(reversal: Reversal, key: str) -> ReversalReceipt:
    body = {"refund": reversal.refund, "reason": reversal.reason}
    return _receipt(ReversalReceipt, _ledger("POST", "/reversals", key=key, json=body))


def find_effect(_: BaseModel, key: str) -> Probe:
    body = _ledger("GET", f"/effects/{key}")
    if body is None:
        return Probe(found=False, receipt=None, detail="The ledger has no entry with this key.")
    return Probe(found=True, receipt=body, detail="The ledger has an entry with this key.")


def balance(refund: Refund) -> dict[str, int]:
    """What may still be refunded of the order, in minor units."""
    body = _ledger("GET", f"/orders/{refund.order}/balance") or {}
    return {name: int(body[name]) for name in ("paid_minor", "refunded_minor", "left_minor") if name in body}


def _ledger(method: str, path: str, *, key: str = "", json: dict | None = None) -> dict | None:
    return http.call(method, settings.HOLDPOINT_WORLD["ledger"], path, key=key, json=json)


def _receipt(shape: type[T], body: dict | None) -> T:
    try:
        return shape.model_validate(body)
    except ValidationError:
        raise errors.Unclear("The ledger answered, but not with a receipt.") from None


def _undo(refund: Refund, receipt: RefundReceipt) -> Reversal:
    return Reversal(
        refund=receipt.refund,
        order=refund.order,
        customer=refund.customer,
        amount_minor=receipt.amount_minor,
        currency=receipt.currency,
        reason=f"Undo of refund {receipt.refund}",
    )


REFUND = register(
    Tool(
        name="refund_payment",
        version=1,
        title="Refund a payment",
        effect=EffectClass.REVERSIBLE,
        input=Refund,
        output=RefundReceipt,
        send=pay_refund,
        idempotent=True,
        compensator="reverse_refund",
        compensation=_undo,
        probe=find_effect,
        snapshot=balance,
    )
)
REVERSAL = register(
    Tool(
        name="reverse_refund",
        version=1,
        title="Take a refund back",
        effect=EffectClass.IRREVERSIBLE,
        input=Reversal,
        output=ReversalReceipt,
        send=reverse_refund,
        idempotent=True,
        probe=find_effect,
    )
)
