"""What a decision sends back: the digest it was shown, the answer, and the reason."""

from django import forms

from approvals.decisions import LEAST_REASON
from approvals.states import Answer

TOO_SHORT = "Too short for the agent to act on. Say what to change, for example “refund 40.50 only”."


class DecisionForm(forms.Form):
    digest = forms.RegexField(r"^[0-9a-f]{64}$", error_messages={"required": "The page is out of date. Load it again."})
    answer = forms.ChoiceField(choices=Answer.choices)
    reason = forms.CharField(required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))
    opened = forms.BooleanField(required=False)

    def clean(self) -> dict:
        data = super().clean() or {}
        if data.get("answer") == Answer.REJECT and len(data.get("reason", "").strip()) < LEAST_REASON:
            self.add_error("reason", TOO_SHORT)
        return data
