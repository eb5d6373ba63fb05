"""The checker of the crash test must be able to fail: each rule is broken once here."""

from dataclasses import replace

import pytest

from tests.config import world_process
from tests.crash.checks import MAIL, REFUND, Deed, Facts, Told, tally, violations

PAID = Deed(key="k1", tool=REFUND, status="done", order="NW-90001")
SENT = Deed(key="k2", tool=MAIL, status="done", order="NW-90001")
LOST = Deed(key="k3", tool=REFUND, status="outcome_unknown", order="NW-90002")
RUN = Told(run="r1", row=("done", {"pay": "done"}), journal=("done", {"pay": "done"}))
GOOD = Facts(deeds=[PAID, SENT, LOST], runs=[RUN], effects={"k1": 1, "k2": 1}, orders={(REFUND, "NW-90001"): 1})


def found(facts: Facts, refunds: int = 2) -> str:
    return "\n".join(violations(facts, refunds=refunds))


def test_a_good_record_has_no_violation():
    assert found(GOOD) == ""
    assert found(replace(GOOD, effects={"k1": 1, "k2": 1, "k3": 1})) == ""


@pytest.mark.parametrize(
    ("effects", "words"),
    [
        ({"k1": 2, "k2": 1}, "refund_payment k1 is done and happened 2 times"),
        ({"k1": 1, "k2": 2}, "send_email k2 is done and happened 2 times"),
        ({"k1": 1, "k2": 1, "k3": 2}, "refund_payment k3 is outcome_unknown and happened 2 times"),
        ({"k2": 1}, "refund_payment k1 is done and happened 0 times"),
        ({"k1": 1, "k2": 1, "k9": 1}, "the effect k9 belongs to no action"),
    ],
)
def test_an_effect_too_many_or_too_few_is_found(effects, words):
    assert found(replace(GOOD, effects=effects)) == words


def test_a_second_effect_under_another_key_is_found():
    assert "refund_payment for NW-90001 happened 2 times" in found(replace(GOOD, orders={(REFUND, "NW-90001"): 2}))
    again = replace(LOST, order=PAID.order)
    assert "refund_payment for NW-90001 was proposed 2 times" in found(replace(GOOD, deeds=[PAID, SENT, again]))


def test_a_refund_or_a_mail_that_is_missing_is_found():
    assert "2 refunds were claimed, 3 were started" in found(GOOD, refunds=3)
    assert "0 mails were claimed after 1 refunds" in found(replace(GOOD, deeds=[PAID, LOST], effects={"k1": 1}))


@pytest.mark.parametrize("status", ["ready", "held", "claimed"])
def test_an_action_that_was_left_open_is_found(status):
    assert f"k3 is {status}: it was never settled" in found(
        replace(GOOD, deeds=[PAID, SENT, replace(LOST, status=status)])
    )


def test_an_effect_of_what_was_settled_as_not_done_is_found():
    facts = replace(GOOD, deeds=[PAID, SENT, replace(LOST, status="not_done")], effects={"k1": 1, "k2": 1, "k3": 1})
    assert found(facts) == "refund_payment k3 is not_done and happened 1 times"


def test_a_journal_that_tells_another_state_is_found():
    assert "run r1: its journal tells" in found(replace(GOOD, runs=[replace(RUN, row=("done", {"pay": "unknown"}))]))


def test_a_provider_that_forgets_keys_makes_the_checker_fail(tmp_path):
    with world_process.running("ledger", tmp_path) as ledger:
        ledger.pay("NW-90001", "k1")
        ledger.arm("forgetful")
        ledger.pay("NW-90001", "k1")
        facts = replace(GOOD, effects={"k1": ledger.entry("k1")["executions"], "k2": 1})
    assert tally(facts, REFUND).doubles == 1
    assert found(facts) == "refund_payment k1 is done and happened 2 times"
