"""A lead from its research to the end: written to once, waited for, followed up once, and never after a no."""

import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from approvals import decisions
from runs import about, operations, queries, rehearsal
from runs.engine import inboxes, recovery, sending
from runs.models import Action, Artifact, Event, Run, Step, Subject
from tenants import features
from tests.config import world_process
from tests.pages import at, browser
from tests.runs.worlds import carry_out, fresh, inside, request_of


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = tmp_path_factory.mktemp("world")
    with (
        world_process.running("register", place) as register,
        world_process.running("press", place) as press,
        world_process.running("mailbox", place) as mailbox,
    ):
        yield {"register": register, "press": press, "mailbox": mailbox}


@pytest.fixture(autouse=True)
def connected(world, cast, settings, monkeypatch):
    at = {name: str(program.web.base_url).rstrip("/") for name, program in world.items()}
    mailbox = world["mailbox"]
    settings.HOLDPOINT_WORLD = {
        **settings.HOLDPOINT_WORLD,
        **at,
        "smtp": "smtp://{}:{}".format(*mailbox.smtp),
        "pop3": "pop3://{}:{}".format(*mailbox.pop3),
    }
    settings.HOLDPOINT_INBOXES = {cast.alice.tenant.slug: "sales@northwind.example"}
    settings.HOLDPOINT_CREDENTIALS = {f"inbox:{cast.alice.tenant.slug}": "env:HOLDPOINT_TEST_INBOX"}
    monkeypatch.setenv("HOLDPOINT_TEST_INBOX", "holdpoint-demo")
    monkeypatch.setattr(sending, "pause", lambda seconds: None)
    for program in world.values():
        program.web.delete("/faults")
    operations.set_up_workflow(actor=cast.alice, name="outbound", note="tests")


def lead(**changed) -> dict:
    given = {"company": "Brightloom Textiles", "domain": "brightloom.example", "person": "Ada Osei"}
    return {**given, "email": f"ada-{uuid.uuid4().hex[:12]}@brightloom.example", **changed}


def begun(cast, given: dict) -> Run:
    return operations.start(actor=cast.jon, workflow="outbound", given=given)


def approved(cast, run: Run) -> Run:
    request = request_of(run)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    return carry_out(run)


def written_to(cast, given: dict) -> Run:
    return approved(cast, carry_out(begun(cast, given)))


def mails(world, given: dict) -> list[dict]:
    found = world["mailbox"].web.get("/messages.json").json()["messages"]
    return [message for message in found if given["email"] in message["to"]]


def answer(world, run: Run, words: str) -> None:
    key = inside(run, lambda: Action.objects.filter(run_id=run.pk, status="done").order_by("-id")[0].pk)
    world["mailbox"].web.post(f"/messages/by-key/{key}/replies", json={"text": words}).raise_for_status()
    inboxes.read_all()


def switch(actor, name: str, *, on: bool) -> None:
    [state] = [state for state in features.states(actor) if state.declared.name == name]
    features.change(actor=actor, name=name, mode="on" if on else "off", version=state.version, reason="for a test")


def three_days(cast, run: Run) -> Run:
    rehearsal.bring_forward(actor=cast.alice, by=timedelta(days=3), reason="three days pass")
    recovery.sweep([run.tenant_id])
    return carry_out(run)


def test_a_lead_is_researched_written_to_once_people_agree_and_waited_for(cast, world):
    given = lead()
    run = carry_out(begun(cast, given))
    assert (run.status, run.waiting_for, mails(world, given)) == ("waiting", "approval", [])
    assert "Brightloom opened a second mill" in bytes(request_of(run).action.payload).decode()
    run = approved(cast, run)
    assert (run.status, run.waiting_for, len(mails(world, given))) == ("waiting", "event", 1)
    assert inside(run, lambda: Action.objects.get(run_id=run.pk)).verified["ok"] is True


def test_every_step_can_be_opened_on_the_run_page(cast, world):
    run = three_days(cast, written_to(cast, lead()))
    paths = inside(run, lambda: list(Step.objects.filter(run=run).values_list("path", flat=True)))
    assert len(paths) > 12
    for path, tab in [(path, tab) for path in paths for tab in ("", "raw", "input", "output")]:
        query = urlencode({"step": path, "tab": tab})
        assert browser(cast.dave).get(at(cast.dave, f"runs/{run.pk}/?{query}")).status_code == 200, path


def test_a_reply_ends_the_wait_and_tells_what_they_said(cast, world):
    given = lead()
    run = written_to(cast, given)
    answer(world, run, "Thank you, that sounds interesting. Could we talk on Tuesday?")
    run = carry_out(run)
    assert run.result["outcome"] == "interested"
    kinds = inside(
        run, lambda: list(Artifact.objects.filter(run_id=run.pk).order_by("id").values_list("kind", flat=True))
    )
    assert kinds == ["draft", "mail", "reply"]


def test_without_a_reply_there_is_one_follow_up_which_is_held_again(cast, world):
    given = lead()
    run = three_days(cast, written_to(cast, given))
    assert (run.waiting_for, len(mails(world, given))) == ("approval", 1)
    run = approved(cast, run)
    newest, first = mails(world, given)
    assert dict(newest["headers"])["In-Reply-To"] == first["message_id"]
    assert three_days(cast, run).result["outcome"] == "no_reply"
    assert len(mails(world, given)) == 2


def test_the_flag_decides_about_the_follow_up_when_it_is_due(cast, world):
    given = lead()
    run = written_to(cast, given)
    switch(cast.alice, "follow_up_enabled", on=False)
    assert three_days(cast, run).result["outcome"] == "no_follow_up"
    assert len(mails(world, given)) == 1


def test_a_rule_for_named_people_counts_for_the_leads_they_started(cast, world):
    run, name = written_to(cast, lead()), "follow_up_enabled"
    who = [str(run.started_by_id)]
    assert run.title in features.reach(cast.alice, name, mode="off", percent=0).off
    assert run.title in features.reach(cast.alice, name, mode="off", percent=0, people=who).on
    features.change(actor=cast.alice, name=name, mode="off", people=who, version=0, reason="they try it")
    assert three_days(cast, run).waiting_for == "approval"


def test_the_run_page_says_what_the_flag_will_say_until_it_was_asked(cast, world):
    run = written_to(cast, lead())
    [(flag, says)] = about.about(cast.dave, fresh(run)).flags
    assert (flag.title, says.on) == ("Follow up after three days", True)
    switch(cast.alice, "follow_up_enabled", on=False)
    assert about.about(cast.dave, fresh(run)).flags[0][1].on is False
    switch(cast.alice, "follow_up_enabled", on=True)
    run = three_days(cast, run)
    assert (run.waiting_for, about.about(cast.dave, run).flags) == ("approval", [])


def test_a_no_is_heard_for_good(cast, world):
    given = lead()
    run = written_to(cast, given)
    answer(world, run, "We are not interested. Please do not write again.")
    assert carry_out(run).result["outcome"] == "not_interested"
    again = carry_out(begun(cast, given))
    assert again.result["outcome"] == "nothing_to_do"
    assert len(mails(world, given)) == 1


def test_a_no_that_comes_while_the_follow_up_waits_for_people_closes_it(cast, world):
    given = lead()
    run = three_days(cast, written_to(cast, given))
    request = request_of(run)
    answer(world, run, "Please stop writing to me.")
    assert request_of(run).status == "stale"
    assert request_of(run).pk == request.pk
    assert carry_out(run).result["outcome"] == "not_interested"
    assert len(mails(world, given)) == 1


def test_a_reply_that_came_right_before_the_follow_up_is_found_in_the_inbox(cast, world):
    given = lead()
    run = written_to(cast, given)
    key = inside(run, lambda: Action.objects.get(run_id=run.pk).pk)
    world["mailbox"].web.post(f"/messages/by-key/{key}/replies", json={"text": "Let us talk."}).raise_for_status()
    assert three_days(cast, run).result["outcome"] == "interested"


def test_a_late_reply_reaches_the_next_run_on_that_lead(cast, world):
    given = lead()
    run = written_to(cast, given)
    switch(cast.alice, "follow_up_enabled", on=False)
    assert three_days(cast, run).status == "done"
    answer(world, run, "Sorry for the late answer: yes, let us talk.")
    assert carry_out(begun(cast, given)).result["outcome"] == "interested"


def test_of_two_runs_on_one_lead_the_second_ends_with_nothing_to_do(cast, world):
    given = lead()
    first = carry_out(begun(cast, given))
    second = carry_out(begun(cast, given))
    assert fresh(second).waiting_for == "slot"
    approved(cast, first)
    answer(world, first, "Sounds good, let us talk.")
    carry_out(first)
    assert fresh(second).result["outcome"] == "nothing_to_do"
    assert len(mails(world, given)) == 1


def test_a_reviewers_reason_reaches_the_next_draft_and_three_refusals_leave_the_lead_alone(cast, world):
    given = lead()
    run = carry_out(begun(cast, given))
    for _ in range(3):
        request = request_of(run)
        decisions.reject(
            actor=cast.bob, approval_id=request.pk, digest=request.action.digest, reason="please make it shorter"
        )
        run = carry_out(run)
    assert run.result["outcome"] == "left_alone"
    asked = inside(run, lambda: list(Event.objects.filter(run_id=run.pk, path__startswith="write_outreach")))
    assert asked[1].body["input"]["args"][1]["refused"] == ["please make it shorter"]
    assert mails(world, given) == []


def test_the_page_shows_both_sources_below_one_line_and_each_as_a_step(cast):
    run = carry_out(begun(cast, lead()))
    detail = queries.run_detail(cast.alice, run.pk, path="research/press")
    found = {line.path: (line.label, line.depth, line.note) for line in detail.trace.lines}
    assert found["research"] == ("research", 0, "2 in parallel")
    assert found["research/press"] == ("press", 1, "2 articles")
    assert detail.given == {"argument 1": "brightloom.example"}
    assert detail.result["articles"][0]["title"] == "Brightloom opens a second mill"
    filtered = queries.run_detail(cast.alice, run.pk, show="waiting").trace.lines
    assert [line.label for line in filtered] == ["send_outreach"]


def test_a_source_that_hangs_is_left_out_and_the_mail_claims_nothing_from_it(cast, world, monkeypatch):
    world["press"].arm("timeout", 9)
    monkeypatch.setattr("runs.agents.outbound.SOURCE_S", 0.3)
    run = begun(cast, lead())
    for _ in range(3):
        carry_out(run)
        inside(run, lambda: Run.objects.filter(pk=run.pk, status="retrying").update(ready_at="2020-01-01T00:00Z"))
    run = fresh(run)
    assert run.waiting_for == "approval"
    assert "second mill" not in bytes(request_of(run).action.payload).decode()


def test_an_unknown_company_is_no_reason_to_invent_one(cast, world):
    run = carry_out(begun(cast, lead(domain="nobody-knows.example")))
    assert run.waiting_for == "approval"
    steps = inside(
        run, lambda: dict(Event.objects.filter(run_id=run.pk, kind="step.failed").values_list("path", "kind"))
    )
    assert steps == {"research/register": "step.failed"}


def test_do_not_contact_is_obeyed_by_a_run_that_was_approved_before(cast, world):
    given = lead()
    run = carry_out(begun(cast, given))
    request = request_of(run)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    key = f"lead:{given['email']}"
    inside(run, lambda: Subject.objects.filter(key=key).update(no_contact_at="2026-01-01T00:00Z", no_contact_why="no"))
    assert carry_out(run).result["outcome"] == "nothing_to_do"
    assert mails(world, given) == []


def test_a_mail_that_the_server_took_and_nobody_sees_is_not_called_done(cast, world, settings):
    given = lead()
    run = carry_out(begun(cast, given))
    settings.HOLDPOINT_WORLD = {**settings.HOLDPOINT_WORLD, "mailbox": settings.HOLDPOINT_WORLD["press"]}
    run = approved(cast, run)
    assert run.status == "retrying"
    assert inside(run, lambda: Action.objects.get(run_id=run.pk)).verified is None


def test_a_dropped_line_is_an_unknown_outcome_and_a_probe_finds_the_mail(cast, world):
    given = lead()
    run = carry_out(begun(cast, given))
    world["mailbox"].arm("drop")
    run = approved(cast, run)
    action = inside(run, lambda: Action.objects.get(run_id=run.pk))
    assert (run.status, action.status, len(mails(world, given))) == ("needs_attention", "outcome_unknown", 1)
    operations.probe(actor=cast.dave, action_id=action.pk)
    assert carry_out(run).waiting_for == "event"
    assert len(mails(world, given)) == 1


def test_the_password_of_the_inbox_is_nowhere_in_the_journal(cast, world, monkeypatch):
    monkeypatch.setenv("HOLDPOINT_TEST_INBOX", "holdpoint-demo")
    run = three_days(cast, written_to(cast, lead()))
    bodies = inside(run, lambda: [str(event.body) for event in Event.objects.filter(run_id=run.pk)])
    assert not [body for body in bodies if "holdpoint-demo" in body]


def test_an_inbox_that_is_away_keeps_the_follow_up_back(cast, world, settings):
    run = written_to(cast, lead())
    settings.HOLDPOINT_WORLD = {**settings.HOLDPOINT_WORLD, "pop3": "pop3://127.0.0.1:9"}
    assert inboxes.read_all() == 0
    run = three_days(cast, run)
    assert (run.status, run.failed_path) == ("retrying", "")
