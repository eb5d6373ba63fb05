"""Who may stop every tenant, given and taken on the command line alone."""

import pytest
from django.core.management import CommandError, call_command

from tenants import flags
from tenants.models import User
from tests.pages import at, browser

WHY = "she is on call"


def told(capsys, *argv: str) -> str:
    call_command(*argv)
    return capsys.readouterr().out


def test_the_right_is_given_and_taken_and_said_when_it_was_so_already(cast, capsys):
    email = cast.dave.user.email
    assert "may stop every tenant now" in told(capsys, "platform_operator", email, "--grant", "--reason", WHY)
    assert "as before" in told(capsys, "platform_operator", email, "--grant", "--reason", WHY)
    assert "may not stop every tenant now" in told(capsys, "platform_operator", email, "--withdraw", "--reason", WHY)
    assert not User.objects.get(email=email).operates_platform


@pytest.mark.parametrize(("email", "reason", "said"), [("no@x.example", WHY, "Nobody signs in"), ("", "x", "")])
def test_nobody_and_no_reason_are_refused_in_words(cast, email, reason, said):
    with pytest.raises(CommandError, match=said or "Say why"):
        call_command("platform_operator", email or cast.dave.user.email, "--grant", "--reason", reason)


def test_an_operator_stops_every_tenant_and_every_page_says_so(cast, capsys):
    email = cast.dave.user.email
    call_command("platform_operator", email, "--grant", "--reason", WHY)
    try:
        assert "Everything is stopped" in told(capsys, "stop_everywhere", "--by", email, "--reason", "it pays twice")
        for person in (cast.bob, cast.charlie):
            assert "it pays twice" in browser(person).get(at(person, "runs/")).content.decode()
    finally:
        call_command("stop_everywhere", "--by", email, "--reason", "it is mended", "--lift")
    assert "it pays twice" not in browser(cast.bob).get(at(cast.bob, "runs/")).content.decode()
    assert flags.GlobalStop.objects.filter(lifted_at=None).count() == 0


def test_whoever_is_no_operator_stops_nothing(cast):
    with pytest.raises(CommandError, match="Only an operator"):
        call_command("stop_everywhere", "--by", cast.alice.user.email, "--reason", "it pays twice")
