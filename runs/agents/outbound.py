"""Outbound: a lead is researched, written to once people agree, waited for, and followed up at most once.

It never writes twice, stops for good when they say no, and reads what came before it acts.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from runs import errors, guardrails
from runs.agents import planner
from runs.agents.leads import Lead
from runs.engine import inboxes
from runs.engine.context import Context
from runs.engine.parallel import Branch
from runs.engine.workflows import workflow
from runs.models import Run
from runs.states import RUN_OPEN
from runs.tools import research
from tenants import features, scoping

FOLLOW_UP_AFTER = timedelta(days=3)
MOST_DRAFTS = 3  # after that many refusals the lead is left alone
MOST_REPAIRS = 3
SOURCE_S = 5.0  # seconds that each source has to answer
FIRST, FOLLOW_UP = "first mail", "follow-up"


def open_leads() -> list[tuple[str, str]]:
    """Leads with an open run: what a share of follow-ups is taken of."""
    runs = Run.objects.filter(tenant_id=scoping.current(), workflow__name="outbound", status__in=RUN_OPEN)
    return list(runs.order_by("id").values_list("subject", "title")[:1000])


FOLLOW_UPS = features.declare(
    "follow_up_enabled",
    title="Follow up after three days",
    what="A lead that did not answer within three days gets one follow-up, which is held like the first mail.",
    default=True,
    units=open_leads,
)


class Drafted(BaseModel):
    """A model step: what passed the contract, and what it took."""

    letter: guardrails.Letter
    model: str
    tokens_in: int
    tokens_out: int
    note: str


class Reading(BaseModel):
    """What a model makes of a reply. It decides nothing that could be sent."""

    verdict: Literal["interested", "not_interested", "later", "unclear"]
    quote: str = Field(max_length=500)
    summary: str = Field(max_length=500)


class Understood(BaseModel):
    reading: Reading
    model: str
    tokens_in: int
    tokens_out: int
    note: str


class _Over(Exception):
    """The run has its result."""

    def __init__(self, outcome: str, why: str, **facts: Any) -> None:
        super().__init__(outcome)
        self.result = {"outcome": outcome, "why": why, **facts}


def write(task: str, facts: dict, sources: dict[str, str]) -> Drafted:
    """A mail to the lead whose every claim stands in `sources` (name -> text).

    A draft that breaks its contract goes back to the model with the reason, twice; then `BrokenContract`.
    """
    asked, refused, lead = facts, list(facts.get("refused", [])), facts["lead"]
    for _ in range(MOST_REPAIRS):
        said = planner.ask(task, asked)
        try:
            letter = guardrails.letter(
                said.text, to=lead["email"], name=lead["person"], sources=sources, most_words=180
            )
        except errors.BrokenContract as broken:
            refused.append(broken.message)
            asked = facts | {"refused": refused}
            continue
        return Drafted(letter=letter, model=said.model, **_took(said))
    raise errors.BrokenContract(f"The model did not write a mail that may be sent: {refused[-1]}")


def understand(text: str) -> Understood:
    said = planner.ask("read_reply", {"text": text})
    reading = guardrails.through(Reading, said.text)
    return Understood(reading=reading, model=said.model, **_took(said))


def read_mail(tenant: str) -> dict[str, Any]:
    """Look into the inbox now, so that a reply that just came is not overtaken by a follow-up."""
    came = inboxes.read_for(uuid.UUID(tenant))
    return {"came": came, "note": "nothing new" if not came else f"{came} new"}


@workflow(
    name="outbound",
    version=1,
    title="Sales outreach",
    input=Lead,
    describe=lambda lead: f"Outreach to {lead.person}, {lead.company}",
    subject=lambda lead: f"lead:{lead.email}",
    exclusive=True,
)
def outbound(ctx: Context, lead: Lead) -> dict:
    """Returns {"outcome": ..., "why": one sentence}: interested, not_interested, answered, bounced, no_reply,
    no_follow_up, left_alone or nothing_to_do."""
    try:
        _look_back(ctx)
        company, press = _research(ctx, lead)
        first = _contact(ctx, lead, FIRST, "write_outreach", _first_facts(lead, company, press))
        _wait(ctx, lead, f"wait for a reply to the {FIRST}")
        if not ctx.flag(FOLLOW_UPS.name):
            raise _Over("no_follow_up", "They did not answer, and follow-ups are switched off.")
        _contact(ctx, lead, FOLLOW_UP, "write_follow_up", _second_facts(lead, first), answers=first)
        _wait(ctx, lead, f"wait for a reply to the {FOLLOW_UP}")
        return {"outcome": "no_reply", "why": "They were written to twice and did not answer."}
    except _Over as over:
        return over.result


def _look_back(ctx: Context) -> None:
    """What came and what was done before this run: a late reply is read, and nobody is written to twice."""
    _read_replies(ctx, ctx.events("reply"))
    known = ctx.recall()
    if known.no_contact:
        raise _Over("nothing_to_do", f"They are not to be contacted: {known.no_contact}")
    before = known.did(FIRST)
    if before is not None:
        answer = f" Their answer: {known.facts['answer']}." if known.facts.get("answer") else ""
        raise _Over("nothing_to_do", f"They were written to on {before.at:%-d %B %Y}.{answer}", run=before.run)


def _research(ctx: Context, lead: Lead) -> tuple[research.Company | None, list[research.Article]]:
    company, press = ctx.gather(
        "research",
        Branch(name="register", fn=research.look_up, args=(lead.domain,), within_s=SOURCE_S, optional=True),
        Branch(name="press", fn=research.read_press, args=(lead.domain,), within_s=SOURCE_S, optional=True),
    )
    return company or None, press.articles if press else []


def _contact(ctx: Context, lead: Lead, deed: str, task: str, facts: dict[str, Any], answers: Any = None) -> dict:
    """Draft, ask, send, verify: one mail, done once about this lead. Raises `_Over` when it is not to be."""
    refused: list[str] = []
    sources = _sources(facts)
    for number in range(1, MOST_DRAFTS + 1):
        given = facts | {"refused": list(refused)}
        letter = ctx.step(task, write, task, given, sources, kind="model").letter
        ctx.keep(
            f"{deed} draft {number}",
            _plain(lead, letter.subject, letter.text),
            kind="draft",
            title=f"{deed.capitalize()}, draft {number}",
        )
        message = {
            "to": lead.email,
            "name": lead.person,
            "company": lead.company,
            "subject": letter.subject,
            "text": letter.text,
            "reply_to_id": answers["message_id"] if answers else "",
        }
        try:
            receipt = ctx.act(
                "send_outreach", message, once=deed, evidence=_evidence(facts, letter), reasoning=_grounds(letter)
            )
        except errors.ActionRefused as refusal:
            _heed(ctx, refusal, refused)
            continue
        ctx.keep(deed, _plain(lead, letter.subject, letter.text), kind="mail", title=f"{deed.capitalize()}, as sent")
        return {"subject": letter.subject, "text": letter.text, "message_id": receipt.message_id}
    raise _Over("left_alone", f"The drafts were refused {len(refused)} times: {refused[-1]}")


def _heed(ctx: Context, refusal: errors.ActionRefused, refused: list[str]) -> None:
    """A reviewer's reason reaches the next draft; what came meanwhile is read; the rest is over or for a person."""
    if refusal.code == "rejected":
        refused.append(refusal.reason)
    elif refusal.code == "stale":
        _read_replies(ctx, ctx.events("reply"))
    elif refusal.code == "do_not_contact":
        _read_replies(ctx, ctx.events("reply"))
        raise _Over("nothing_to_do", refusal.reason)
    elif refusal.code == "repeated":
        raise _Over("nothing_to_do", refusal.reason)
    else:
        raise refusal


def _wait(ctx: Context, lead: Lead, name: str) -> None:
    """Three days, or until they answer; then one more look into the inbox before anything else happens."""
    reply = ctx.wait_for("reply", timeout=FOLLOW_UP_AFTER, name=name)
    if reply is None:
        ctx.step("check_replies", read_mail, str(ctx.run.tenant_id))
    came = ctx.events("reply")
    _read_replies(ctx, came if reply is None else [reply, *came])


def _read_replies(ctx: Context, replies: Sequence[dict[str, Any]]) -> None:
    """Raises `_Over` with what they said, when they said anything. A no counts more than what came beside it."""
    found: dict[str, tuple[str, str]] = {}
    for reply in replies:
        who = reply.get("name") or reply.get("sender") or "They"
        text = reply.get("text", "")
        ctx.keep("reply", f"From: {reply.get('sender', '')}\n\n{text}", kind="reply", title=f"Reply from {who}")
        if reply.get("kind") == "bounce":
            found["bounced"] = (who, "The mail could not be delivered.")
            continue
        reading = ctx.step("read_reply", understand, text, kind="model").reading
        answer = reading.verdict if reading.verdict in ("interested", "not_interested") else "answered"
        found[answer] = (who, f"“{reading.quote}”" if reading.quote else reading.summary)
    for outcome in ("not_interested", "bounced", "interested", "answered"):
        if outcome in found:
            who, words = found[outcome]
            if outcome == "not_interested":
                ctx.forbid_contact(words, who)
            ctx.remember(answer=outcome.replace("_", " "), words=words)
            raise _Over(outcome, words)


def _first_facts(lead: Lead, company: research.Company | None, articles: list[research.Article]) -> dict[str, Any]:
    return {
        "lead": lead.model_dump(mode="json"),
        "company": company.model_dump(mode="json") if company else None,
        "articles": [article.model_dump(mode="json") for article in articles],
        "earlier": [],
        "notes": [],
    }


def _second_facts(lead: Lead, first: dict[str, Any]) -> dict[str, Any]:
    about = {"subject": first["subject"], "text": first["text"]}
    return {"lead": lead.model_dump(mode="json"), "first": about, "days": FOLLOW_UP_AFTER.days}


def _sources(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a claim may rest on: name of the source -> its text."""
    lead = facts["lead"]
    found = {"lead": ". ".join(str(lead[name]) for name in ("person", "role", "company", "note") if lead.get(name))}
    if facts.get("company"):
        found["register"] = research.Company.model_validate(facts["company"]).told()
    for article in facts.get("articles", []):
        found[f"press:{article['id']}"] = research.Article.model_validate(article).told()
    if facts.get("first"):
        found["memory"] = f"{facts['first']['subject']}. {facts['first']['text']}"
    return found


def _evidence(facts: Mapping[str, Any], letter: guardrails.Letter) -> list[dict[str, str]]:
    """The sources that the mail rests on, as reviewers see them: what it quotes first."""
    used = {claim.source for claim in letter.claims}
    found = []
    if facts.get("company"):
        company = research.Company.model_validate(facts["company"])
        found.append(
            _excerpt(f"Company register: {company.name}", "register", company.told(), "research/register", "book")
        )
    for article in facts.get("articles", []):
        if f"press:{article['id']}" in used:
            told = f"{article['title']}. {article['excerpt']}"
            found.append(_excerpt(f"Press, {article['published']}", "from outside", told, "research/press", "book"))
    if facts.get("first"):
        first = facts["first"]
        words = f"{first['subject']}: {first['text'][:240]}"
        found.append(
            _excerpt(
                f"First mail, {facts['days']} days ago, no reply", "your sent mail", words, "send_outreach", "mail"
            )
        )
    if facts["lead"].get("note"):
        found.append(_excerpt("Note on the lead", "whoever entered it", facts["lead"]["note"], "", "mail"))
    return found[:3]


def _grounds(letter: guardrails.Letter) -> str:
    return "; ".join(f"“{claim.text}” from {claim.source}" for claim in letter.claims)


def _excerpt(source: str, origin: str, quote: str, step: str, icon: str) -> dict[str, str]:
    return {"source": source, "origin": origin, "quote": quote[:600], "step": step, "icon": icon}


def _plain(lead: Lead, subject: str, text: str) -> str:
    return f"To: {lead.person} <{lead.email}>\nSubject: {subject}\n\n{text}\n"


def _took(said: Any) -> dict[str, Any]:
    tokens = said.tokens_in + said.tokens_out
    return {"tokens_in": said.tokens_in, "tokens_out": said.tokens_out, "note": f"{said.model}, {tokens} tokens"}
