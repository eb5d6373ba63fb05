"""Every tenant is stopped on the command line, by whoever may."""

import pytest
from django.core.management import CommandError, call_command

from tenants import flags
from tests.pages import at, browser

WHY = "she is on call"


def told(capsys, *argv: str) -> str:
    call_command(*argv)
    return capsys.readouterr().out


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
