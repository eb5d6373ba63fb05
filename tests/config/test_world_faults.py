"""Faults on the HTTP programs: what the caller sees and what was done all the same."""

from itertools import count

import httpx
import pytest

from tests.config import world_process

ORDERS = (f"NW-9{number:04d}" for number in count(1))
BROKEN_LINE = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    with world_process.running("ledger", tmp_path_factory.mktemp("ledger")) as program:
        yield program


@pytest.fixture
def ledger(process):
    yield process
    process.web.delete("/faults")


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    with world_process.running("orders", tmp_path_factory.mktemp("orders")) as program:
        yield program


@pytest.fixture
def order():
    return next(ORDERS)


def test_a_drop_did_the_work_and_the_caller_saw_the_line_break(ledger, order):
    ledger.arm("drop")
    with pytest.raises(BROKEN_LINE):
        ledger.pay(order, f"drop-{order}")
    assert ledger.entry(f"drop-{order}")["executions"] == 1
    assert ledger.web.get(f"/effects/drop-{order}").json()["status"] == "paid"


def test_the_same_key_after_a_drop_gets_the_receipt_and_moves_nothing(ledger, order):
    ledger.arm("drop")
    with pytest.raises(BROKEN_LINE):
        ledger.pay(order, f"again-{order}")
    assert ledger.pay(order, f"again-{order}").status_code == 200
    assert (ledger.entry(f"again-{order}")["executions"], ledger.refunded(order)) == (1, 100)


def test_a_timeout_answers_nobody_and_did_nothing(ledger, order):
    ledger.arm("timeout")
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=ledger.web.base_url, timeout=0.3) as hasty:
        hasty.post("/refunds", json={"order": order}, headers={"Idempotency-Key": f"held-{order}"})
    entry = ledger.entry(f"held-{order}")
    assert (entry["received"], entry["executions"], ledger.refunded(order)) == (1, 0, 0)


def test_a_held_request_holds_up_nobody_else(ledger, order):
    ledger.arm("timeout")
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=ledger.web.base_url, timeout=0.3) as hasty:
        hasty.post("/refunds", json={}, headers={"Idempotency-Key": f"stuck-{order}"})
    assert ledger.pay(order, f"beside-{order}").status_code == 201


@pytest.mark.parametrize(
    ("mode", "status", "body"),
    [("unavailable", 503, {"error": "unavailable"}), ("limited", 429, {"error": "limited"})],
)
def test_a_busy_ledger_says_when_to_come_back_and_did_nothing(ledger, order, mode, status, body):
    ledger.arm(mode)
    answer = ledger.pay(order, f"{mode}-{order}")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (status, body, "1")
    assert ledger.entry(f"{mode}-{order}")["executions"] == 0


def test_a_declined_refund_moved_nothing(ledger, order):
    ledger.arm("declined")
    answer = ledger.pay(order, f"declined-{order}")
    assert (answer.status_code, answer.json(), ledger.refunded(order)) == (422, {"error": "declined"}, 0)


def test_rubbish_is_a_200_that_is_no_json_and_moved_nothing(ledger, order):
    ledger.arm("rubbish")
    answer = ledger.pay(order, f"rubbish-{order}")
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert (answer.status_code, ledger.refunded(order)) == (200, 0)


def test_a_key_that_met_a_fault_works_when_it_has_passed(ledger, order):
    ledger.arm("unavailable", 2)
    answers = [ledger.pay(order, f"passed-{order}").status_code for _ in range(3)]
    entry = ledger.entry(f"passed-{order}")
    assert (answers, entry["received"], entry["executions"]) == ([503, 503, 201], 3, 1)


def test_a_forgetful_ledger_pays_one_key_twice_and_its_entries_admit_it(ledger, order):
    ledger.arm("forgetful", 2)
    answers = [ledger.pay(order, f"forgot-{order}").status_code for _ in range(3)]
    assert (answers, ledger.entry(f"forgot-{order}")["executions"], ledger.refunded(order)) == ([201, 201, 200], 2, 200)


def test_reading_uses_up_no_fault_of_the_ledger(ledger, order):
    ledger.arm("unavailable", 3)
    ledger.web.get(f"/orders/{order}/balance")
    ledger.web.get("/entries")
    assert ledger.web.get("/faults").json() == {"mode": "unavailable", "count": 3}


def test_disarming_ends_the_faults(ledger, order):
    ledger.arm("declined", 5)
    assert ledger.web.delete("/faults").json() == {"mode": None, "count": 0}
    assert ledger.pay(order, f"disarmed-{order}").status_code == 201


@pytest.mark.parametrize(
    "wish", [{"mode": "earthquake"}, {"mode": "drop", "count": 0}, {"mode": "drop", "count": True}, ["drop"], {}]
)
def test_a_fault_that_does_not_exist_is_not_armed(ledger, wish):
    assert ledger.web.post("/faults", json=wish).status_code == 422
    assert ledger.web.get("/faults").json() == {"mode": None, "count": 0}


def test_every_reading_of_an_order_uses_up_a_fault_of_the_shop(orders):
    orders.arm("unavailable", 2)
    answers = [orders.web.get("/orders/NW-48213").status_code for _ in range(3)]
    assert answers == [503, 503, 200]


def test_a_shop_that_drops_the_line_breaks_it(orders):
    orders.arm("drop")
    with pytest.raises(BROKEN_LINE):
        orders.web.get("/orders/NW-48213")
