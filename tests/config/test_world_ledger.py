"""What the ledger does with keys, bodies and balances."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pytest

from config.world import serving
from tests.config import world_process

ORDERS = (f"NW-9{number:04d}" for number in count(1))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    with world_process.running("ledger", tmp_path_factory.mktemp("ledger")) as program:
        yield program


@pytest.fixture
def order():
    """An order that no other test has touched."""
    return next(ORDERS)


def test_a_refund_is_paid_and_its_receipt_names_the_key(ledger):
    answer = ledger.pay("NW-48213", "first", 12_400)
    receipt = answer.json()
    assert answer.status_code == 201
    assert receipt.pop("refund").startswith("rf_")
    assert receipt == {"order": "NW-48213", "amount_minor": 12_400, "currency": "GBP", "status": "paid", "key": "first"}


def test_the_same_key_twice_moves_money_once(ledger, order):
    first, second = ledger.pay(order, f"twice-{order}"), ledger.pay(order, f"twice-{order}")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert ledger.refunded(order) == 100


def test_entries_count_what_came_apart_from_what_moved(ledger, order):
    for _ in range(3):
        ledger.pay(order, f"three-{order}")
    entry = ledger.entry(f"three-{order}")
    assert (entry["kind"], entry["received"], entry["executions"]) == ("refund", 3, 1)
    assert entry["body"]["order"] == order


def test_the_same_key_with_another_body_is_refused(ledger, order):
    ledger.pay(order, f"other-{order}", 100)
    answer = ledger.pay(order, f"other-{order}", 200)
    assert (answer.status_code, answer.json()) == (422, {"error": "key_reused"})
    assert ledger.refunded(order) == 100


def test_the_names_in_a_body_may_come_in_another_order(ledger, order):
    ledger.pay(order, f"order-{order}")
    body = {"reason": "Torn seam", "currency": "GBP", "amount_minor": 100, "order": order}
    answer = ledger.web.post("/refunds", json=body, headers={"Idempotency-Key": f"order-{order}"})
    assert answer.status_code == 200


def test_a_refund_key_is_not_a_reversal_key(ledger, order):
    refund = ledger.pay(order, f"kind-{order}").json()["refund"]
    assert ledger.take_back(refund, f"kind-{order}").json() == {"error": "key_reused"}


def test_a_post_without_a_key_is_refused(ledger, order):
    answer = ledger.web.post("/refunds", json={"order": order, "amount_minor": 1, "currency": "GBP", "reason": "None"})
    assert (answer.status_code, answer.json()) == (400, {"error": "no_idempotency_key"})


def test_concurrent_posts_of_one_key_execute_once(ledger, order):
    with ThreadPoolExecutor(12) as crowd:
        answers = list(crowd.map(lambda _: ledger.pay(order, f"crowd-{order}"), range(24)))
    assert sorted(answer.status_code for answer in answers) == [200] * 23 + [201]
    assert len({answer.json()["refund"] for answer in answers}) == 1
    entry = ledger.entry(f"crowd-{order}")
    assert (entry["received"], entry["executions"], ledger.refunded(order)) == (24, 1, 100)


def test_two_ledgers_over_one_record_execute_a_key_once(tmp_path, order):
    with world_process.running("ledger", tmp_path) as one, world_process.running("ledger", tmp_path) as other:
        with ThreadPoolExecutor(8) as crowd:
            answers = list(crowd.map(lambda turn: (one, other)[turn % 2].pay(order, "shared"), range(16)))
        assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
        assert (one.entry("shared")["executions"], other.refunded(order)) == (1, 100)


def test_concurrent_refunds_never_pay_more_than_the_order(ledger, order):
    paid = ledger.web.get(f"/orders/{order}/balance").json()["paid_minor"]
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda turn: ledger.pay(order, f"race-{order}-{turn}", paid), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 7
    assert ledger.refunded(order) == paid


def test_more_than_what_is_left_is_refused(ledger, order):
    paid = ledger.web.get(f"/orders/{order}/balance").json()["paid_minor"]
    ledger.pay(order, f"most-{order}", paid - 50)
    answer = ledger.pay(order, f"more-{order}", 51)
    assert (answer.status_code, answer.json()) == (422, {"error": "exceeds_balance"})
    assert ledger.entry(f"more-{order}")["executions"] == 0


def test_a_balance_tells_paid_refunded_and_left(ledger, order):
    paid = ledger.web.get(f"/orders/{order}/balance").json()["paid_minor"]
    ledger.pay(order, f"left-{order}", 300)
    balance = ledger.web.get(f"/orders/{order}/balance").json()
    assert balance == {
        "order": order,
        "paid_minor": paid,
        "refunded_minor": 300,
        "left_minor": paid - 300,
        "currency": "GBP",
    }


def test_a_reversal_gives_the_balance_back(ledger, order):
    refund = ledger.pay(order, f"forth-{order}", 300).json()["refund"]
    answer = ledger.take_back(refund, f"back-{order}")
    receipt = answer.json()
    assert receipt.pop("reversal").startswith("rv_")
    expected = {"refund": refund, "amount_minor": 300, "currency": "GBP", "status": "reversed", "key": f"back-{order}"}
    assert (answer.status_code, receipt, ledger.refunded(order)) == (201, expected, 0)


def test_a_refund_is_taken_back_once_whatever_the_key(ledger, order):
    refund = ledger.pay(order, f"once-{order}").json()["refund"]
    first, same, other = (ledger.take_back(refund, f"{key}-{order}") for key in ("a", "a", "b"))
    assert (first.status_code, same.status_code, same.json()) == (201, 200, first.json())
    assert (other.status_code, other.json()) == (422, {"error": "already_reversed"})


def test_an_effect_is_found_by_its_key(ledger, order):
    receipt = ledger.pay(order, f"found-{order}").json()
    assert ledger.web.get(f"/effects/found-{order}").json() == receipt


def test_a_key_that_moved_nothing_has_no_effect(ledger):
    ledger.pay("NW-11111", "nothing")
    assert ledger.web.get("/effects/nothing").status_code == 404
    assert ledger.web.get("/effects/never-posted").status_code == 404


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"order": "NW-11111"}, {"error": "no_such_order"}),
        ({"currency": "EUR"}, {"error": "wrong_currency", "currency": "GBP"}),
        ({"amount_minor": 0}, {"error": "invalid", "field": "amount_minor"}),
        ({"amount_minor": True}, {"error": "invalid", "field": "amount_minor"}),
        ({"amount_minor": 1.5}, {"error": "invalid", "field": "amount_minor"}),
        ({"reason": ""}, {"error": "invalid", "field": "reason"}),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_and_binds_no_key(ledger, order, changed, error):
    key = f"sense-{order}"
    refused = ledger.pay(order, key, changed=changed)
    assert (refused.status_code, refused.json()) == (422, error)
    assert ledger.pay(order, key).status_code == 201


@pytest.mark.parametrize(
    "raw", ["{", '{"amount_minor": NaN}', '{"amount_minor": 1e999}', r'{"reason": "\ud800"}', "[" * 9000]
)
def test_what_is_no_json_is_refused_and_the_entries_stay_readable(ledger, raw):
    answer = ledger.web.post("/refunds", content=raw, headers={"Idempotency-Key": "broken"})
    assert (answer.status_code, answer.json()) == (400, {"error": "not_json"})
    assert ledger.web.get("/entries").status_code == 200


def test_an_idle_connection_stays_open_longer_than_its_client_keeps_it():
    assert httpx.Limits().keepalive_expiry < serving.IDLE_SECONDS
