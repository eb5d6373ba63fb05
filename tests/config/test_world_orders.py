"""The shop's orders."""

import pytest

from config.world import catalogue
from tests.config import world_process


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    with world_process.running("orders", tmp_path_factory.mktemp("orders")) as program:
        yield program


def test_a_known_order_answers_with_its_customer_goods_and_card(orders):
    assert orders.web.get("/orders/NW-48213").json() == {
        "order": "NW-48213",
        "customer": {"name": "Priya Raman", "email": "priya.raman@example.net"},
        "items": [{"sku": "TENT-2P", "name": "Ridgeline tent, 2 person", "quantity": 2, "price_minor": 12_400}],
        "total_minor": 24_800,
        "currency": "GBP",
        "paid_with": "card ending 4417",
        "placed_on": "2026-10-29",
    }


@pytest.mark.parametrize("number", ["NW-11111", "NW-9123", "NW-912345", "nw-91234", "NW-9١٢٣٤"])
def test_an_unknown_order_is_not_found(orders, number):
    answer = orders.web.get(f"/orders/{number}")
    assert (answer.status_code, answer.json()) == (404, {"error": "no_such_order"})


def test_a_generated_order_is_the_same_in_every_process(orders):
    assert orders.web.get("/orders/NW-91234").json() == catalogue.find("NW-91234")


def test_every_generated_order_adds_up_and_has_an_address_at_example_net():
    for number in range(90_000, 100_000):
        order = catalogue.find(f"NW-{number}")
        assert order["total_minor"] == sum(item["quantity"] * item["price_minor"] for item in order["items"]) > 0
        assert order["customer"]["email"].isascii()
        assert order["customer"]["email"].endswith("@example.net")
        assert len({item["sku"] for item in order["items"]}) == len(order["items"])


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("NW-48190", "Marek Dvořák"),
        ("NW-48177", "Aoife Byrne"),
        ("NW-48169", "Lars Nygaard"),
        ("NW-48141", "Chiara Conti"),
        ("NW-48133", "Yusuf Kaya"),
        ("NW-48120", "Hana Suzuki"),
    ],
)
def test_the_customers_of_the_demo_have_their_orders(orders, number, name):
    assert orders.web.get(f"/orders/{number}").json()["customer"]["name"] == name


def test_the_shop_remembers_how_often_an_order_was_read(orders):
    for _ in range(3):
        orders.web.get("/orders/NW-95555")
    entries = {entry["order"]: entry["received"] for entry in orders.web.get("/entries").json()["entries"]}
    assert entries["NW-95555"] == 3
