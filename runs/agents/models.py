"""The model behind a planner, as one small Protocol. The default one is scripted: offline and deterministic."""

import json
import re
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked: a task by name, and the facts it may use."""

    task: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What it said, and what that took."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int


class Model(Protocol):
    def complete(self, prompt: Prompt) -> Completion:
        """Answer the prompt. Raises `errors.ToolError` when the provider does not."""


class ScriptedModel:
    """Rules in place of a model: the same prompt gives the same words, with no network."""

    name = "scripted-1"

    def complete(self, prompt: Prompt) -> Completion:
        answer = getattr(self, f"_{prompt.task}")(prompt.facts)
        text = json.dumps(answer, ensure_ascii=False)
        asked = json.dumps(prompt.facts, ensure_ascii=False)
        return Completion(text=text, model=self.name, tokens_in=len(asked) // 4, tokens_out=len(text) // 4)

    def _propose_refund(self, facts: dict[str, Any]) -> dict[str, Any]:
        order, ticket, refused = facts["order"], facts["ticket"], facts["refused"]
        if refused and (amount := _amount(refused[-1])) is not None:
            why = f"A reviewer asked for another amount: {refused[-1]}"
            return _proposal("refund", min(amount, order["total_minor"]), why, ticket["story"])
        if refused:
            return _proposal("decline", 0, f"A reviewer refused the refund: {refused[-1]}", ticket["story"])
        wanted = ticket.get("amount_minor") or order["total_minor"]
        if wanted > order["total_minor"]:
            return _proposal("refund", order["total_minor"], "More was asked for than was paid.", ticket["story"])
        why = f"The customer describes a fault of goods that cost {order['total_minor'] / 100:.2f} {order['currency']}."
        return _proposal("refund", wanted, why, ticket["story"])

    def _write_confirmation(self, facts: dict[str, Any]) -> dict[str, Any]:
        first = facts["name"].split()[0]
        money = f"{facts['amount_minor'] / 100:.2f} {facts['currency']}"
        text = (
            f"Hello {first},\n\nwe have refunded {money} for order {facts['order']} to {facts['paid_with']}."
            f" It can take three working days to arrive.\n\nYour receipt is {facts['refund']}.\n\nThe refund desk"
        )
        return {"subject": f"Your refund for order {facts['order']}", "text": text}

    def _write_outreach(self, facts):
        lead, company, articles = facts["lead"], facts["company"], facts["articles"]
        first = lead["person"].split()[0]
        claims = []
        lines = [f"Hello {first},", ""]
        if articles:
            a = articles[0]
            q = a["excerpt"].split(". ")[0].rstrip(".")
            lines.append(f"I read about {lead['company']}: {q}.")
            claims.append({"text": q, "source": f"press:{a['id']}"})
        elif company and company.get("employees"):
            q = f"{company['employees']} employees"
            lines.append(f"I see that {lead['company']} has {q}.")
            claims.append({"text": q, "source": "register"})
        lines += [
            "",
            "We help teams of your size with outdoor equipment for staff days. Would a short call next week suit you?",
            "",
            "Kind regards",
            "Maya Lindqvist",
        ]
        return {"subject": f"An idea for {lead['company']}", "text": "\n".join(lines), "claims": claims}

    def _write_follow_up(self, facts):
        lead = facts["lead"]
        first = lead["person"].split()[0]
        text = f"Hello {first},\n\nI wrote to you a few days ago about an idea for {lead['company']}. Is it of interest? A short no is fine too, and I will not write again.\n\nKind regards\nMaya Lindqvist"
        return {"subject": f"Re: {facts['first']['subject']}", "text": text, "claims": []}

    def _read_reply(self, facts):
        text = facts["text"].lower()
        verdict = "unclear"
        if re.search(r"not interested|stop|unsubscribe|remove me", text):
            verdict = "not_interested"
        elif re.search(r"interested|sounds good|talk|call", text):
            verdict = "interested"
        elif re.search(r"later|next quarter|out of office", text):
            verdict = "later"
        return {"verdict": verdict, "quote": facts["text"][:200], "summary": facts["text"][:200]}


def _proposal(decision: str, amount_minor: int, reason: str, quote: str) -> dict[str, Any]:
    return {"decision": decision, "amount_minor": amount_minor, "reason": reason[:400], "quote": quote[:300]}


def _amount(words: str) -> int | None:
    """An amount of money in a reviewer's reason, in minor units: "refund only 40.50" is 4050."""
    found = re.search(r"(?<![\w-])(\d{1,6})(?:[.,](\d{2}))?(?![\w-])", words)
    return None if found is None else int(found[1]) * 100 + int(found[2] or 0)
