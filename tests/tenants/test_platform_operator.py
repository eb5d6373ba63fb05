"""platform_operator: who may stop every tenant, given on the command line and recorded."""

import io
import logging

import pytest
from django.core.management import CommandError, call_command

from tenants import audit, errors, flags, operators
from tenants.models import User
from tests.pages import at, browser, words

WHY = "on call this week"


def run(email: str, way: str = "--grant", reason: str = WHY, **more) -> str:
    out = io.StringIO()
    call_command("platform_operator", email, way, reason=reason, stdout=out, **more)
    return out.getvalue()


def told(cast):
    return [entry for entry in audit.page(cast.alice, kind="member")[0] if "command line" in entry.reason]


def test_whoever_is_granted_it_may_stop_every_tenant_until_it_is_withdrawn(cast):
    user = cast.bob.user
    assert "is operator of the platform now" in run(user.email)
    flags.stop_everywhere(by=User.objects.get(pk=user.pk), reason="it pays twice")
    flags.lift_everywhere(by=User.objects.get(pk=user.pk), reason="it is mended")
    assert "is no operator of the platform now" in run(user.email, "--withdraw")
    with pytest.raises(errors.Forbidden):
        flags.stop_everywhere(by=User.objects.get(pk=user.pk), reason="it pays twice")


def test_the_history_of_their_tenants_says_so_and_why_and_no_other_does(cast):
    run(cast.bob.user.email.upper(), by=cast.alice.user.email)
    seen = words(browser(cast.alice).get(at(cast.alice, "history/")))
    assert "no operator of the platform → operator of the platform" in seen
    assert f"{WHY} (on the command line, as " in seen
    assert told(cast)[0].actor == cast.alice.user
    assert not audit.page(cast.charlie)[0]


def test_without_a_name_the_entry_stands_under_the_person_it_is_about(cast):
    run(cast.bob.user.email)
    assert [entry.actor for entry in told(cast)] == [cast.bob.user]


def test_repeating_it_changes_nothing_and_says_so(cast):
    run(cast.bob.user.email)
    assert "already; nothing changed" in run(cast.bob.user.email)
    assert "already; nothing changed" in run(cast.jon.user.email, "--withdraw")
    assert len(told(cast)) == 1


def test_an_unknown_address_is_refused(cast):
    with pytest.raises(CommandError, match="Nobody signs in as"):
        run("nobody@example.net")
    with pytest.raises(CommandError, match="Nobody signs in as"):
        run(cast.bob.user.email, by="nobody@example.net")
    assert told(cast) == []


def test_it_needs_a_reason_and_one_of_the_two_ways(cast):
    with pytest.raises(CommandError, match="Say why"):
        run(cast.bob.user.email, reason=" x ")
    with pytest.raises(CommandError, match="--grant"):
        call_command("platform_operator", cast.bob.user.email, reason=WHY)
    assert not User.objects.get(pk=cast.bob.user.pk).operates_platform


def test_somebody_without_a_tenant_is_told_of_in_the_log(cast, caplog):
    alone = User.objects.create_user(f"alone-{cast.alice.tenant.slug}@example.net", name="Ann Alone")
    with caplog.at_level(logging.WARNING, logger=operators.__name__):
        run(alone.email)
    assert [record.message for record in caplog.records] == [f"{alone.email} is operator of the platform now"]
    assert caplog.records[0].reason == WHY
