"""What people type. Errors say what to do, and the text stays."""

from decimal import Decimal
from typing import Any

from django import forms
from pydantic import ValidationError

from runs.agents.refund_desk import Ticket


class TicketForm(forms.Form):
    """A refund ticket; the workflow's own contract has the last word."""

    order = forms.CharField(
        max_length=16,
        label="Order number",
        help_text="For example NW-48213.",
        error_messages={"required": "Write the order number, for example NW-48213."},
    )
    email = forms.EmailField(
        max_length=254,
        label="The customer’s e-mail",
        help_text="As it stands on the order. The confirmation goes there.",
        error_messages={
            "required": "Write the address that stands on the order.",
            "invalid": "This is no e-mail address. Write it like name@example.net.",
        },
    )
    story = forms.CharField(
        min_length=10,
        max_length=2000,
        label="What happened",
        help_text="In the customer’s words. Reviewers see it as evidence.",
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={
            "required": "Say what happened: reviewers decide on it.",
            "min_length": "Too short to decide on. Say what happened in a sentence.",
        },
    )
    amount = forms.DecimalField(
        required=False,
        min_value=Decimal("0.01"),
        max_value=Decimal("1000000"),
        decimal_places=2,
        label="Amount asked for",
        help_text="Optional. Empty means the whole order.",
        error_messages={
            "invalid": "Write an amount like 40.50, or leave it empty.",
            "min_value": "An amount is at least 0.01. Leave it empty for the whole order.",
        },
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def clean_order(self) -> str:
        return str(self.cleaned_data["order"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            try:
                data["ticket"] = Ticket.model_validate(self._given(data)).model_dump(mode="json")
            except ValidationError as error:
                for problem in error.errors():
                    field = {"amount_minor": "amount"}.get(str(problem["loc"][0]), str(problem["loc"][0]))
                    self.add_error(field if field in self.fields else None, _SAY.get(field, problem["msg"]))
        return data

    @staticmethod
    def _given(data: dict[str, Any]) -> dict[str, Any]:
        amount = data.get("amount")
        return {
            "order": data["order"],
            "email": data["email"],
            "story": data["story"],
            "amount_minor": None if amount is None else int(amount * 100),
        }


_SAY = {"order": "An order number is two letters, a dash and 4 to 8 digits, for example NW-48213."}


class ReasonForm(forms.Form):
    """Why: it stands in the journal beside the name."""

    reason = forms.CharField(
        min_length=4,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={
            "required": "Say why in a few words: it stands in the journal beside your name.",
            "min_length": "Say why in a few words: it stands in the journal beside your name.",
        },
    )


class SettleForm(ReasonForm):
    outcome = forms.ChoiceField(choices=[("done", "It was done"), ("not_done", "It was not done")])
    evidence = forms.CharField(
        min_length=4,
        max_length=500,
        error_messages={
            "required": "Say where you saw it: a receipt number, an account, who told you.",
            "min_length": "Say where you saw it: a receipt number, an account, who told you.",
        },
    )


class StopForm(ReasonForm):
    """What to stop, as "scope:target", and why."""

    reach = forms.RegexField(
        r"^(tenant:|workflow:[a-z0-9_-]{1,60}|tool:[a-z0-9_]{1,60})$",
        error_messages={"required": "Choose what to stop.", "invalid": "Choose one of the list."},
    )
