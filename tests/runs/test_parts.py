"""Planner, tools and memory apart: the same workflow on parts that live in memory, without a database or a network."""

import uuid
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from runs import errors
from runs.agents import outbound, planner
from runs.agents.leads import Lead
from runs.agents.scripted import ScriptedModel
from runs.engine.subjects import Standing
from runs.tools import research

ADA = Lead(company="Brightloom", domain="brightloom.example", person="Ada Osei", email="ada@brightloom.example")
COMPANY = research.Company(domain="brightloom.example", name="Brightloom", city="Leeds", employees=340)


@dataclass
class InMemory:
    """Tools and memory of one run. `replies`: what comes at each wait; `refuse`: what reviewers answer."""

    replies: list[str | None]
    refuse: list[errors.ActionRefused] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    barred: str = ""
    run: Any = field(default_factory=lambda: SimpleNamespace(tenant_id=uuid.uuid4()))

    def act(self, tool: str, arguments: Any, **_: Any) -> Any:
        if self.refuse:
            raise self.refuse.pop(0)
        self.sent.append(arguments)
        return SimpleNamespace(message_id=f"<{len(self.sent)}@x>")

    def recall(self) -> Standing:
        return Standing(subject=ADA.email, facts=self.facts, deeds=[], no_contact=self.barred)

    def remember(self, **facts: Any) -> None:
        self.facts |= facts

    def forbid_contact(self, why: str, by: str) -> None:
        self.barred = why

    def events(self, event: str) -> list[Any]:
        return []

    def keep(self, name: str, content: str, *, kind: str, title: str, media_type: str = "text/plain") -> None:
        self.kept.append(kind)

    def step(self, name: str, fn: Any, *args: Any, **_: Any) -> Any:
        return None if fn is outbound.read_mail else fn(*args)

    def gather(self, name: str, *branches: Any) -> list[Any]:
        return [COMPANY, None]

    def flag(self, name: str) -> bool:
        return True

    def wait_for(self, event: str, **_: Any) -> Any:
        text = self.replies.pop(0)
        return None if text is None else {"name": "Ada Osei", "sender": ADA.email, "text": text}


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    monkeypatch.setattr(planner, "model", ScriptedModel)


def rejected(why: str) -> errors.ActionRefused:
    return errors.ActionRefused("send_outreach", "rejected", why)


def test_a_lead_that_does_not_answer_is_written_to_twice():
    parts = InMemory(replies=[None, None])
    assert outbound.outbound(parts, ADA)["outcome"] == "no_reply"
    assert [mail["reply_to_id"] for mail in parts.sent] == ["", "<1@x>"]
    assert parts.kept == ["draft", "mail", "draft", "mail"]


def test_a_no_is_put_into_memory_and_ends_it():
    parts = InMemory(replies=["We are not interested. Please do not write to me again."])
    assert outbound.outbound(parts, ADA)["outcome"] == "not_interested"
    assert (len(parts.sent), parts.facts["answer"]) == (1, "not interested")
    assert "not interested" in parts.barred


def test_what_memory_forbids_is_not_even_drafted():
    parts = InMemory(replies=[], barred="they asked us to stop")
    assert outbound.outbound(parts, ADA)["outcome"] == "nothing_to_do"
    assert (parts.sent, parts.kept) == ([], [])


def test_a_reviewers_reason_reaches_the_planner():
    parts = InMemory(replies=["Yes please"], refuse=[rejected("Do not mention the number of employees")])
    assert outbound.outbound(parts, ADA)["outcome"] == "interested"
    assert "340" not in parts.sent[0]["text"]


def test_another_planner_is_swapped_in_without_touching_tools_or_memory(monkeypatch):
    class Rubbish(ScriptedModel):
        def complete(self, prompt):
            raise errors.BrokenContract("It speaks in tongues.")

    parts = InMemory(replies=[])
    monkeypatch.setattr(planner, "model", Rubbish)
    with pytest.raises(errors.BrokenContract, match="tongues"):
        outbound.outbound(parts, ADA)
    assert parts.sent == []
