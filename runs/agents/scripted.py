"""Rules in place of a model: the same prompt gives the same words, with no network."""

import json
import re
from typing import Any

from runs.agents.models import Completion, Prompt

NO = re.compile(
    r"\b(not interested|no interest|unsubscribe|please stop|stop (writing|contacting|e-?mailing)|remove me|take me off"
    r"|do(n['’]t| not) (write|contact|e-?mail))",
    re.IGNORECASE,
)
LATER = re.compile(r"\b(later|next (quarter|month|year)|out of office|on leave|not now|back (on|in))\b", re.IGNORECASE)
YES = re.compile(
    r"\b(interest(ed|ing)|let(['’]s| us) talk|sounds good|call me|happy to|tell me more|yes)\b", re.IGNORECASE
)
SIGNED = "Kind regards\nMaya Lindqvist\nNorthwind Outdoor"


class ScriptedModel:
    """The offline default."""

    name = "scripted-1"

    def complete(self, prompt: Prompt) -> Completion:
        answer = getattr(self, f"_{prompt.task}")(prompt.facts)
        text = json.dumps(answer, ensure_ascii=False)
        asked = json.dumps(prompt.facts, ensure_ascii=False)
        return Completion(
            text=text,
            model=self.name,
            tokens_in=len(asked) // 4,
            tokens_out=len(text) // 4,
            prompt=f"{prompt.task} script",
        )

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

    def _write_outreach(self, facts: dict[str, Any]) -> dict[str, Any]:
        lead, company, heard = facts["lead"], facts.get("company") or {}, " ".join(facts.get("refused", [])).lower()
        opening, claims = _opening(lead, company, facts.get("articles", []), heard)
        short = "short" in heard
        offer = "We equip teams for days outdoors: tents, boots and packs that come ready and go back afterwards."
        more = " Most teams start with one day and a small group, and decide afterwards whether it was worth it."
        ask = "Would a short call next week be of use to you?"
        greeting = "Dear" if "formal" in heard else "Hello"
        name = lead["person"] if "formal" in heard else lead["person"].split()[0]
        body = f"{opening}\n\n{offer}{'' if short else more}\n\n{ask} If it is not for you, a short no is fine."
        return {
            "subject": f"Days outdoors for {lead['company']}"[:90],
            "text": f"{greeting} {name},\n\n{body}\n\n{SIGNED}",
            "claims": claims,
        }

    def _write_follow_up(self, facts: dict[str, Any]) -> dict[str, Any]:
        lead, first = facts["lead"], facts["first"]
        text = (
            f"Hello {lead['person'].split()[0]},\n\nI wrote to you a few days ago about days outdoors for"
            f" {lead['company']}, and I know how full an inbox gets.\n\nIs it of interest at all? One line is enough,"
            " and a no is a good answer too: then I will not write again.\n\n" + SIGNED
        )
        subject = first["subject"]
        return {"subject": subject if subject.startswith("Re: ") else f"Re: {subject}"[:90], "text": text, "claims": []}

    def _read_reply(self, facts: dict[str, Any]) -> dict[str, Any]:
        text = facts["text"]
        for verdict, words in (("not_interested", NO), ("later", LATER), ("interested", YES)):
            found = words.search(text)
            if found is not None:
                quote = _sentence(text, found.start())
                return {"verdict": verdict, "quote": quote, "summary": f"They say: {quote}"[:300]}
        quote = text.strip().splitlines()[0][:300] if text.strip() else ""
        return {"verdict": "unclear", "quote": quote, "summary": "It is not clear what they want."}


def _opening(
    lead: dict[str, Any], company: dict[str, Any], articles: list[dict[str, Any]], heard: str
) -> tuple[str, list[dict[str, str]]]:
    """The first paragraph and the claims it makes: an article, else the register, else nothing that could be wrong."""
    if articles and not any(word in heard for word in ("article", "press", "news", "do not mention")):
        article = articles[0]
        quote = article["excerpt"].split(". ")[0].rstrip(".")
        return f"I read that {quote}. Congratulations.", [{"text": quote, "source": f"press:{article['id']}"}]
    if company.get("employees") and company.get("city") and "register" not in heard:
        quote = f"{company['employees']} employees"
        sentence = f"With {quote}, {lead['company']} will know how hard it is to get a team away from its desks."
        return sentence, [{"text": quote, "source": "register"}]
    return f"I am writing to {lead['company']} because your teams may spend time outdoors.", []


def _proposal(decision: str, amount_minor: int, reason: str, quote: str) -> dict[str, Any]:
    return {"decision": decision, "amount_minor": amount_minor, "reason": reason[:400], "quote": quote[:300]}


def _amount(words: str) -> int | None:
    """An amount of money in a reviewer's reason, in minor units: "refund only 40.50" is 4050."""
    found = re.search(r"(?<![\w-])(\d{1,6})(?:[.,](\d{2}))?(?![\w-])", words)
    return None if found is None else int(found[1]) * 100 + int(found[2] or 0)


def _sentence(text: str, at: int) -> str:
    begin = max(text.rfind(mark, 0, at) for mark in ".!?\n") + 1
    ends = [end for mark in ".!?\n" if (end := text.find(mark, at)) != -1]
    return text[begin : min(ends) + 1 if ends else len(text)].strip()[:300]
