"""When the line, the server or the sign-in is gone: words that say what happened, and no text is lost. And the guide."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.product import Product, sign_in
from tests.e2e.test_live import at, card_of
from tests.e2e.test_main_job import entries, ticket

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def jonas(browser, product) -> Iterator[Page]:
    page = sign_in(browser, product, "starter")
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def mara(browser, product) -> Iterator[Page]:
    page = sign_in(browser, product, "reviewer")
    yield page
    page.context.close()


@pytest.fixture(autouse=True)
def line_back(mara) -> Iterator[None]:
    yield
    mara.unroute_all()
    mara.context.set_offline(False)


def asked(page: Page, jonas: Page, product: Product, number: str) -> Page:
    return card_of(page, product, ticket(jonas, product, number, "30.00"))


def write(page: Page, text: str) -> None:
    page.locator('[data-answer="reject"]').click()
    page.locator("#reason").fill(text)
    page.locator("#reject").get_by_role("button", name="Reject", exact=True).click()


def test_an_answer_without_a_confirmation_says_so_and_counts_once(product, jonas, mara):
    asked(mara, jonas, product, "NW-90301")
    mara.route("**/decisions/", lambda route: route.abort())
    mara.locator('[data-answer="approve"]').click()
    expect(mara.locator("[data-unconfirmed]")).to_contain_text("was sent and is not confirmed yet")
    expect(mara.locator("#line")).to_contain_text("sending it again counts once")
    mara.unroute_all()
    mara.get_by_role("button", name="Send it again").click()
    expect(mara.get_by_text("Approved and executed").first).to_be_visible()
    expect(mara.locator("#line")).to_be_hidden()
    assert [entry["executions"] for entry in entries(product, "NW-90301")] == [1]


def test_a_reason_stays_when_the_server_does_not_answer(product, jonas, mara):
    asked(mara, jonas, product, "NW-90302")
    mara.route("**/decisions/", lambda route: route.abort())
    write(mara, "Refund 10.00 only, please")
    expect(mara.locator("[data-unconfirmed]")).to_be_visible()
    expect(mara.locator("#reason")).to_have_value("Refund 10.00 only, please")
    mara.unroute_all()
    mara.get_by_role("button", name="Send it again").click()
    expect(mara.get_by_text("Rejected").first).to_be_visible()


def test_an_answer_that_broke_the_server_says_that_it_was_not_recorded(product, jonas, mara):
    asked(mara, jonas, product, "NW-90303")
    words = '<div class="notice" data-state="failed" role="alert"><p>Something broke on our side. It is in the log.</p></div>'
    mara.route("**/decisions/", lambda route: route.fulfill(status=500, content_type="text/html", body=words))
    write(mara, "Refund 10.00 only, please")
    expect(mara.locator("[data-unconfirmed]")).to_contain_text("Your answer was not recorded")
    expect(mara.locator("#problem")).to_contain_text("Something broke on our side")
    expect(mara.locator("#reason")).to_have_value("Refund 10.00 only, please")


def test_offline_is_said_at_once_and_a_form_keeps_its_text(product, mara):
    at(mara, product, "runs/new/")
    mara.get_by_label("Order number").fill("NW-90304")
    mara.context.set_offline(True)
    expect(mara.locator("#line")).to_contain_text("You are offline")
    expect(mara.locator("#live-mark")).to_have_text("Live paused")
    mara.get_by_role("button", name="Start the run").click()
    expect(mara.get_by_label("Order number")).to_have_value("NW-90304")
    mara.context.set_offline(False)
    expect(mara.locator("#line")).to_be_hidden()


def test_an_expired_sign_in_is_said_and_never_put_into_the_page(product, browser, jonas):
    page = sign_in(browser, product, "reviewer")
    asked(page, jonas, product, "NW-90305")
    page.context.clear_cookies()
    write(page, "Refund 10.00 only, please")
    expect(page.locator("#line")).to_contain_text("You are signed out")
    expect(page.locator("#line").get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.locator("input[type=password]")).to_have_count(0)
    expect(page.locator("#reason")).to_have_value("Refund 10.00 only, please")
    page.context.close()


def test_a_person_without_the_right_gets_words_and_a_way_back(product, jonas):
    answer = jonas.goto(f"{product.url}/northwind/system/")
    assert answer is not None
    assert answer.status == 403
    expect(jonas.get_by_role("heading", name="This is not yours to do")).to_be_visible()
    expect(jonas.get_by_role("link", name="To the runs")).to_be_visible()


def test_the_guide_leads_to_the_first_decision_by_what_happens(product, browser, jonas):
    run = ticket(jonas, product, "NW-90306", "30.00")
    page = sign_in(browser, product, "owner")
    at(page, product, "decided/")
    guide = page.get_by_role("region", name="Your first decision")
    current = guide.locator("[aria-current=step]")
    expect(current).to_contain_text("1 of 3")
    guide.get_by_role("link", name="Open the first").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/review/**")
    card_of(page, product, run)
    expect(current).to_contain_text("2 of 3")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(current).to_contain_text("The run went on")
    current.get_by_role("link", name="See what it did").click()
    page.wait_for_url("**/runs/**")
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    guide.get_by_role("button", name=re.compile("Hide")).click()
    expect(guide).to_have_count(0)
    page.reload()
    expect(page.locator(".page-head h1")).to_be_visible()
    expect(guide).to_have_count(0)
    page.context.close()
