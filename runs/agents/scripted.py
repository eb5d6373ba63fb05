"""Rules in place of a model: the default, offline. The same prompt gives the same words."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

from runs import errors, guardrails
from runs.agents import scripted_mail
from runs.agents.models import Completion, Prompt

VERSION = 2
_QUOTED = re.compile(r"^\s*>|^\s*(?:On\b.*\bwrote:|Am\b.*\bschrieb.*:|-{2,}\s*Original Message|From:\s)", re.IGNORECASE)
_AWAY = re.compile(
    r"\bout of (?:the )?office\b|\bauto(?:matic)?[- ]?reply\b|\bon (?:annual |parental )?leave\b|\bon holiday\b", re.I
)
_NO = re.compile(
    r"\b(?:not|n't|no longer|never|nicht) (?:\w+ ){0,2}interest(?:ed|iert)\b|\bno interest\b|\bkein interesse\b|\bpas intéress"
    r"|\bunsubscribe\b|\b(?:remove|delete|take) (?:me|us|my|our)\b|\bopt(?:ing)? (?:me )?out\b|\bno,? thank(?:s| you)\b"
    r"|\bstop (?:writing|e-?mailing|mailing|contacting|sending|messaging|this|these|it)\b|^\W*(?:please )?stop\W*$|^\W*no\W*$"
    r"|\b(?:do not|don't) want (?:you )?to\b|\b(?:please|dont) (?:not )?contact us\b"
    r"|\b(?:do not|don't|never|not to) (?:\w+ )?(?:contact|write|e-?mail|mail|message|call)\b|\bleave (?:me|us) alone\b"
    r"|\bnot (?:\w+ )?(?:for us|a fit|relevant)\b|\bwe(?:'ll| will) pass\b|\bI(?:'ll| will) pass\b",
    re.IGNORECASE | re.MULTILINE,
)
_LATER = re.compile(
    r"\b(?:next|following) (?:week|month|quarter|year|spring|summer|autumn|winter)\b|\bnot (?:right )?now\b"
    r"|\bin (?:a few|some|two|three|six|\d+) (?:weeks|months)\b|\bin Q[1-4]\b"
    r"|\b(?:try|write|come|get back|reach out|ask) (?:\w+ ){0,3}(?:again|later)\b"
    r"|\blater (?:this|in the) year\b|\bat the moment\b|\btoo busy\b|\bafter (?:the )?(?:summer|holidays|budget)\b|\blater\b",
    re.IGNORECASE,
)
_YES = re.compile(
    r"\binterest(?:ed|ing)\b|\bsounds? (?:good|great|interesting)\b|\blet(?:'s| us) (?:talk|speak|meet|do)\b"
    r"|\b(?:happy|glad|keen) to\b|\btell (?:me|us) more\b|\bsend (?:me|us|over) (?:more|details|prices|a quote|an offer)\b"
    r"|\byes,? please\b|\bgood idea\b"
    r"|\b(?:would|'d) (?:love|like) to\b|\b(?:could|can|shall) we (?:talk|speak|meet|have a call)\b"
    r"|\b(?:set up|schedule|book) a\b|\bgive (?:me|us) a call\b|\bcall me\b|\bwhen are you free\b|^\W*(?:yes|sure)\W*$",
    re.IGNORECASE | re.MULTILINE,
)
_DOUBT = re.compile(r"\b(?:not|without|no|never|hardly|unless|whether|cannot)\b|n't\b", re.IGNORECASE)
_SUMMARIES = {
    "interested": "They want to hear more.",
    "not_interested": "They do not want to be written to.",
    "later": "They ask to come back to it at another time.",
    "unclear": "It is not clear what they want. A person should read it.",
}


class ScriptedModel:
    """Answers the tasks of this product by rules. Raises `Declined` for a task that it has no rules for."""

    name = f"scripted-{VERSION}"

    def complete(self, prompt: Prompt) -> Completion:
        began = time.perf_counter()
        if prompt.task not in TASKS:
            raise errors.Declined(
                f"The scripted model has no rules for {prompt.task}. Choose a model in HOLDPOINT_MODEL."
            )
        text = json.dumps(TASKS[prompt.task](prompt.facts), ensure_ascii=False)
        asked = json.dumps(prompt.facts, ensure_ascii=False, default=str)
        return Completion(
            text=text,
            model=self.name,
            tokens_in=len(asked) // 4,
            tokens_out=len(text) // 4,
            cost_micros=0,
            latency_ms=round((time.perf_counter() - began) * 1000, 2),
            prompt=f"{prompt.task}@{VERSION}",
        )


def propose_refund(facts: dict[str, Any]) -> dict[str, Any]:
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


def write_confirmation(facts: dict[str, Any]) -> dict[str, Any]:
    first = facts["name"].split()[0]
    money = f"{facts['amount_minor'] / 100:.2f} {facts['currency']}"
    text = (
        f"Hello {first},\n\nwe have refunded {money} for order {facts['order']} to {facts['paid_with']}."
        f" It can take three working days to arrive.\n\nYour receipt is {facts['refund']}.\n\nThe refund desk"
    )
    return {"subject": f"Your refund for order {facts['order']}", "text": text}


def plan_outreach(facts: dict[str, Any]) -> dict[str, Any]:
    """Reads every source it is offered, all at once: none needs the answer of another."""
    offered = facts.get("tools") or [
        {"name": "register", "what": "facts about the company"},
        {"name": "press", "what": "what was written about it"},
    ]
    calls = [{"name": tool["name"], "tool": tool["name"], "after": [], "why": tool["what"]} for tool in offered]
    return {"goal": f"Find one good reason to write to {facts['lead']['person']}.", "calls": calls}


def read_reply(facts: dict[str, Any]) -> dict[str, Any]:
    """A no counts before anything else they say; words that speak to a machine are for a person to read."""
    said = _their_words(facts["text"])
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", said) if part.strip()]
    verdict, quote = _verdict(said, sentences)
    return {"verdict": verdict, "quote": quote[:300], "summary": _SUMMARIES[verdict]}


def _verdict(said: str, sentences: list[str]) -> tuple[str, str]:
    if away := _first(_AWAY, sentences):
        return "later", away
    if no := _first(_NO, sentences):
        return "not_interested", no
    if guardrails.instructs(said):
        return "unclear", sentences[0]
    later, yes = _first(_LATER, sentences), _first(_YES, sentences, unless=_DOUBT)
    if later and not (yes and re.search(r"\bnext week\b", later, re.IGNORECASE)):  # a date to talk is no delay
        return "later", later
    return ("interested", yes) if yes else ("unclear", sentences[0] if sentences else "")


def _first(pattern: re.Pattern[str], sentences: list[str], unless: re.Pattern[str] | None = None) -> str:
    straight = [(sentence, sentence.replace("’", "'")) for sentence in sentences]
    found = (raw for raw, text in straight if pattern.search(text) and not (unless and unless.search(text)))
    return next(found, "")


def _their_words(text: str) -> str:
    """The reply without the mail that it answers."""
    kept: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if _QUOTED.search(line):
            if not line.lstrip().startswith(">"):
                break
            continue
        kept.append(line)
    return "\n".join(kept).strip()


def _proposal(decision: str, amount_minor: int, reason: str, quote: str) -> dict[str, Any]:
    return {"decision": decision, "amount_minor": amount_minor, "reason": reason[:400], "quote": quote[:300]}


def _amount(words: str) -> int | None:
    """An amount of money in a reviewer's reason, in minor units: "refund only 40.50" is 4050."""
    found = re.search(r"(?<![\w-])(\d{1,6})(?:[.,](\d{2}))?(?![\w-])", words)
    return None if found is None else int(found[1]) * 100 + int(found[2] or 0)


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "propose_refund": propose_refund,
    "write_confirmation": write_confirmation,
    "plan_outreach": plan_outreach,
    "write_outreach": scripted_mail.write_outreach,
    "write_follow_up": scripted_mail.write_follow_up,
    "read_reply": read_reply,
}
