"""The short form of `bin/crash-test --leads`: workers die while leads are written to, and nobody gets a mail twice."""

import pytest

from tests.crash import outreach

pytestmark = [pytest.mark.crash, pytest.mark.timeout(240)]


def test_whatever_dies_no_lead_gets_a_mail_twice_and_every_run_says_how_it_ended(stage):
    report = outreach.run(stage, leads=8, kills=8, seed=5)
    assert report.violations == []
    assert sum(report.kills.values()) == 8
    assert report.mails >= 8
