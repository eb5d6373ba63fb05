"""The main job in a real browser: a request waits, a person decides, it happens once, and what breaks is repaired."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.product import Product, api, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
STORY = "It broke on the first day. I would like my money back, please."


def customer(product: Product, number: str) -> dict:
    return httpx.get(f"{product.env['HOLDPOINT_ORDERS_URL']}/orders/{number}").json()


def ticket(page: Page, product: Product, number: str, amount: str = "", fault: str = "") -> str:
    """A ticket through the form; the address of its run. `fault` is what the next order look-up meets."""
    email = customer(product, number)["customer"]["email"]
    page.goto(f"{product.url}/northwind/runs/new/")
    page.get_by_label("Order number").fill(number)
    page.get_by_label("The customer’s e-mail").fill(email)
    page.get_by_label("What happened").fill(STORY)
    page.get_by_label("Amount asked for").fill(amount)
    if fault:
        product.fault("orders", fault)
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/"))
    return page.url


def open_request(page: Page, run_url: str) -> None:
    page.goto(run_url)
    page.get_by_role("link", name="Open the request").first.click()
    page.wait_for_url("**/review/**")


def state(page: Page, words: str) -> None:
    """The state beside the run's title, which arrives by socket."""
    expect(page.locator(".page-head .state-pill")).to_have_text(words, timeout=15_000)


def entries(product: Product, number: str) -> list[dict]:
    return [entry for entry in product.ledger() if entry["body"].get("order") == number]


def letters(product: Product, number: str) -> list[dict]:
    """Mails about an order; one customer may have several orders."""
    sent = product.mails(customer(product, number)["customer"]["email"])
    return [mail for mail in sent if number in mail["subject"]]


def test_an_approved_refund_is_paid_and_confirmed_once(product, jonas, mara):
    run = ticket(jonas, product, "NW-90001", "40.50")
    state(jonas, "Waiting for a decision")
    open_request(mara, run)
    expect(mara.locator(".effect-sentence")).to_contain_text("£40.50")
    mara.keyboard.press("a")
    mara.keyboard.press("Enter")
    expect(mara.get_by_text("Approved and executed").first).to_be_visible()
    state(jonas, "Done")
    [entry] = entries(product, "NW-90001")
    assert (entry["executions"], entry["body"]["amount_minor"]) == (1, 4050)
    assert len(letters(product, "NW-90001")) == 1


def test_a_ticket_by_api_is_decided_in_the_browser_and_ends(product, jonas, mara):
    body = {"order": "NW-90009", "email": customer(product, "NW-90009")["customer"]["email"], "story": STORY}
    began = api(product, "tickets", body, key="ticket-90009")
    again = api(product, "tickets", body, key="ticket-90009")
    assert (began.status_code, again.status_code) == (201, 200)
    run = f"{product.url}/northwind/runs/{began.json()['run']}/"
    jonas.goto(run)
    state(jonas, "Waiting for a decision")
    open_request(mara, run)
    mara.keyboard.press("a")
    mara.keyboard.press("Enter")
    state(jonas, "Done")
    assert [entry["executions"] for entry in entries(product, "NW-90009")] == [1]


def test_a_rejection_with_an_amount_makes_the_agent_propose_that_amount(product, jonas, mara):
    run = ticket(jonas, product, "NW-90002")
    state(jonas, "Waiting for a decision")
    open_request(mara, run)
    mara.keyboard.press("r")
    mara.locator("#reason").fill("Refund 30.00 only, the rest was used")
    mara.locator("#reject").get_by_role("button", name="Reject", exact=True).click()
    expect(mara.get_by_text("Rejected").first).to_be_visible()
    expect(jonas.locator(".trace-link", has_text="refund_payment#2")).to_be_visible()
    open_request(mara, run)
    expect(mara.locator(".effect-sentence")).to_contain_text("£30.00")
    assert entries(product, "NW-90002") == []


def test_a_failed_look_up_is_repaired_by_a_retry_from_the_failed_step(product, jonas, theo):
    run = ticket(jonas, product, "NW-90003", "12.00", fault="declined")
    state(jonas, "Paused")
    theo.goto(run)
    theo.get_by_role("button", name=re.compile("Retry from")).first.click()
    theo.locator("#retry").get_by_label("Reason").fill("the order service is back")
    theo.locator("#retry").get_by_role("button", name="Retry from failed step").click()
    state(theo, "Done")
    assert theo.url != run
    assert [entry["executions"] for entry in entries(product, "NW-90003")] == [1]


def test_a_dropped_line_is_an_unknown_outcome_that_the_ledger_can_answer(product, jonas, mara, theo):
    run = ticket(jonas, product, "NW-90004", "60.00")
    state(jonas, "Waiting for a decision")
    product.fault("ledger", "drop")
    open_request(mara, run)
    mara.locator('[data-answer="approve"]').click()
    state(jonas, "Outcome unknown")
    assert [entry["executions"] for entry in entries(product, "NW-90004")] == [1]
    theo.goto(f"{product.url}/northwind/unknown/")
    theo.locator("tr", has_text="NW-90004").get_by_role("link").first.click()
    theo.locator("form[action*='/probes/'] button").first.click()
    state(theo, "Done")
    assert [entry["executions"] for entry in entries(product, "NW-90004")] == [1]


def test_what_was_done_is_undone_by_a_compensation_that_is_held_too(product, jonas, mara, theo):
    run = ticket(jonas, product, "NW-90005", "15.00")
    state(jonas, "Done")
    theo.goto(run)
    theo.get_by_role("button", name="Compensate…").click()
    theo.locator("#compensate").get_by_label("Reason").fill("it was the wrong customer")
    theo.locator("#compensate").get_by_role("button", name="Begin to undo").click()
    theo.wait_for_url(lambda url: url != run)
    state(theo, "Undoing, waits for a decision")
    open_request(mara, theo.url)
    expect(mara.locator(".effect-sentence")).to_contain_text("Take back")
    mara.locator('[data-answer="approve"]').click()
    state(theo, "Undone")
    [refund] = entries(product, "NW-90005")
    undone = [e for e in product.ledger() if e["kind"] == "reversal" and e["executions"] == 1]
    assert (refund["executions"], len(undone)) == (1, 1)


def test_a_new_request_is_announced_without_moving_the_queue(product, jonas, mara):
    mara.goto(f"{product.url}/northwind/review/")
    first = mara.locator("[data-queue-item]").first
    expect(first).to_be_visible()
    before = first.bounding_box()
    ticket(jonas, product, "NW-90006", "33.00")
    expect(mara.get_by_role("link", name=re.compile(r"new request"))).to_be_visible()
    assert mara.locator("[data-queue-item]").first.get_attribute("id") == first.get_attribute("id")
    assert before is not None


def test_a_form_that_cannot_be_used_says_what_to_do_and_keeps_the_text(product, jonas):
    jonas.goto(f"{product.url}/northwind/runs/new/")
    jonas.get_by_label("Order number").fill("nonsense")
    jonas.get_by_label("The customer’s e-mail").fill("nobody@example.net")
    jonas.get_by_label("What happened").fill("too small")
    jonas.get_by_role("button", name="Start the run").click()
    expect(jonas.get_by_text("Too short to decide on")).to_be_visible()
    expect(jonas.get_by_label("Order number")).to_have_value("nonsense")


def test_support_staff_can_look_and_may_not_decide(product, jonas, theo):
    run = ticket(jonas, product, "NW-90007", "70.00")
    state(jonas, "Waiting for a decision")
    open_request(theo, run)
    expect(theo.locator('[data-answer="approve"]')).to_have_count(0)
    expect(theo.get_by_text("You can watch it").first).to_be_visible()


def test_who_is_of_another_tenant_finds_nothing(product, browser, jonas):
    run = ticket(jonas, product, "NW-90008", "80.00")
    charlotte = next(a for a in product.accounts if a["tenant"] == "fjordtur")
    product.accounts.insert(0, {**charlotte, "tenant": "northwind", "role": "stranger"})
    page = sign_in(browser, product, "stranger")
    answer = page.goto(run)
    assert answer is not None
    assert answer.status == 404
    page.context.close()
