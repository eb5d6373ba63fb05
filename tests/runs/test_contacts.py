"""Do not contact, wait no longer, and a clock that is moved by hand: who may, and what it changes."""

import uuid
from datetime import timedelta

import pytest

from runs import about, contacts, errors, operations, rehearsal
from runs.engine import recovery
from runs.models import Artifact, Event
from tests.pages import at, browser, words
from tests.runs.test_subjects import begun
from tests.runs.worlds import ALLOW, HOLD, carry_out, fresh, inside, request_of, started

REASON = "they rang us"


@pytest.fixture
def lead() -> str:
    return f"lead:{uuid.uuid4().hex}@example.net"


def test_support_stops_contact_and_what_waits_is_closed(cast, lead):
    run = carry_out(begun(cast, lead, rules=HOLD))
    for _ in range(2):
        contacts.forbid(actor=cast.dave, run_id=run.pk, reason=REASON)
    assert request_of(run).status == "stale"
    assert carry_out(run).result["outcome"] == "do_not_contact"


def test_only_an_admin_allows_contact_again(cast, lead):
    run = carry_out(begun(cast, lead, rules=HOLD))
    contacts.forbid(actor=cast.dave, run_id=run.pk, reason=REASON)
    with pytest.raises(errors.Forbidden):
        contacts.allow(actor=cast.dave, run_id=run.pk, reason=REASON)
    contacts.allow(actor=cast.alice, run_id=run.pk, reason="they wrote again")
    found = about.about(cast.alice, fresh(run))
    assert (found.subject.no_contact_at, found.subject.facts["contact allowed again"]["was"]) == (None, REASON)
    assert ("Contact allowed again", f"by {cast.alice.user}: they wrote again") in found.known


@pytest.mark.parametrize("who", ["bob", "jon"])
def test_whoever_may_not_operate_may_not_forbid(cast, lead, who):
    run = begun(cast, lead, rules=HOLD)
    with pytest.raises(errors.Forbidden):
        contacts.forbid(actor=getattr(cast, who), run_id=run.pk, reason=REASON)


def test_the_owner_of_another_tenant_finds_nothing(cast, lead):
    run = begun(cast, lead, rules=HOLD)
    for operation in (contacts.forbid, contacts.allow, operations.skip_wait):
        with pytest.raises(errors.NotFound):
            operation(actor=cast.charlie, run_id=run.pk, reason=REASON)


def test_a_run_about_nobody_has_nobody_to_leave_alone(cast):
    run = started(cast)
    inside(run, lambda: type(run).objects.filter(pk=run.pk).update(subject=""))
    with pytest.raises(errors.Conflict):
        contacts.forbid(actor=cast.dave, run_id=run.pk, reason=REASON)


def test_an_operator_ends_a_wait_once(cast):
    run = carry_out(started(cast, {"do": "sleep", "seconds": 3600}))
    operations.skip_wait(actor=cast.dave, run_id=run.pk, reason=REASON)
    operations.skip_wait(actor=cast.dave, run_id=run.pk, reason=REASON)
    assert carry_out(run).status == "done"
    assert inside(run, lambda: Event.objects.filter(run_id=run.pk, kind="wait.skipped").count()) == 1
    with pytest.raises(errors.Conflict):
        operations.skip_wait(actor=cast.dave, run_id=run.pk, reason=REASON)


def test_a_wait_for_a_decision_is_not_skipped(cast, lead):
    run = carry_out(begun(cast, lead, rules=HOLD))
    with pytest.raises(errors.Conflict):
        operations.skip_wait(actor=cast.dave, run_id=run.pk, reason=REASON)


def test_three_days_pass_by_command_and_requests_keep_their_time(cast, lead):
    held = carry_out(begun(cast, lead, rules=HOLD))
    before = request_of(held).expires_at
    waits = carry_out(started(cast, {"do": "sleep", "seconds": 259_200}))
    assert rehearsal.bring_forward(actor=cast.alice, by=timedelta(days=3), reason="rehearsal") == 1
    recovery.sweep([waits.tenant_id])
    assert carry_out(waits).status == "done"
    assert request_of(held).expires_at == before


@pytest.mark.parametrize(("who", "days", "error"), [("dave", 3, errors.Forbidden), ("alice", 0, errors.Invalid)])
def test_the_clock_is_moved_forward_by_an_admin_only(cast, who, days, error):
    with pytest.raises(error):
        rehearsal.bring_forward(actor=getattr(cast, who), by=timedelta(days=days), reason="rehearsal")


def test_the_clock_of_production_stands(cast, settings):
    settings.ENVIRONMENT = "production"
    with pytest.raises(errors.Forbidden):
        rehearsal.bring_forward(actor=cast.alice, by=timedelta(days=3), reason="rehearsal")


def test_the_run_page_shows_what_was_made_and_the_buttons_of_the_right(cast, lead):
    run = carry_out(begun(cast, lead, "wait", ALLOW))
    seen = words(browser(cast.dave).get(at(cast.dave, f"runs/{run.pk}/")))
    assert "Made by this run" in seen
    assert "Wait no longer" in seen
    assert "Do not contact" in seen
    assert "Wait no longer" not in words(browser(cast.bob).get(at(cast.bob, f"runs/{run.pk}/")))


def test_an_artifact_is_read_as_text_by_its_tenant_alone(cast, lead):
    run = carry_out(begun(cast, lead, rules=ALLOW))
    kept = inside(run, lambda: Artifact.objects.get(run_id=run.pk))
    path = f"runs/{run.pk}/artifacts/{kept.pk}/"
    assert "Hello there" in words(browser(cast.bob).get(at(cast.bob, path)))
    saved = browser(cast.bob).get(at(cast.bob, path) + "?download=1")
    assert (saved.content, saved["Content-Disposition"].split(";")[0]) == (b"Hello there", "attachment")
    assert browser(cast.charlie).get(at(cast.charlie, path)).status_code == 404


def test_the_buttons_post_and_tell(cast, lead):
    run = carry_out(begun(cast, lead, "wait", ALLOW))
    client, base = browser(cast.dave), at(cast.dave, f"runs/{run.pk}/")
    for noun in ("contact-bans", "skips"):
        assert client.post(f"{base}{noun}/", {"reason": REASON}).status_code == 302
    assert "Do not contact" in words(client.get(base))
    assert client.post(f"{base}contact-permissions/", {"reason": REASON}).status_code == 403
