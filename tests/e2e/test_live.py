"""Live without destroying reading: rows, cards and bands move by news, and a lost line says so and heals."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.product import Product, sign_in
from tests.e2e.test_main_job import ticket

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
LIVE = ".live-mark:not([data-live])"


@pytest.fixture(scope="module")
def shared(browser, product) -> Iterator[dict[str, Page]]:
    """One signed-in page a role for this module: signing in is most of a short test's time."""
    pages = {role: sign_in(browser, product, role) for role in ("reviewer", "starter", "owner")}
    pages["elsewhere"] = sign_in(browser, product, "reviewer")
    yield pages
    for page in pages.values():
        page.context.close()


@pytest.fixture
def mara(shared) -> Page:
    return shared["reviewer"]


@pytest.fixture
def jonas(shared) -> Page:
    return shared["starter"]


@pytest.fixture
def ilse(shared) -> Page:
    return shared["owner"]


@pytest.fixture
def elsewhere(shared) -> Page:
    """Another screen on which requests are decided."""
    return shared["elsewhere"]


def at(page: Page, product: Product, path: str) -> Page:
    page.goto(f"{product.url}/northwind/{path}")
    page.locator(LIVE).wait_for()
    page.wait_for_load_state("networkidle")
    return page


def card_of(page: Page, product: Product, run_url: str) -> Page:
    """The request of a run, once there is one."""
    run = run_url.rstrip("/").split("/")[-1].split("?")[0]
    expect(page.locator("body")).to_be_visible()
    for _ in range(50):
        answer = page.goto(f"{product.url}/northwind/review/of-run/{run}/")
        if answer is not None and answer.ok:
            break
        page.wait_for_timeout(100)
    page.locator(LIVE).wait_for()
    return page


def test_new_runs_gather_behind_a_pill_and_move_no_row(product, jonas, mara):
    at(mara, product, "runs/")
    row = mara.locator("#run-rows tbody tr").nth(1)
    row.locator("a").focus()
    row.hover()
    before, under = row.bounding_box(), row.get_attribute("id")
    ticket(jonas, product, "NW-90201", "33.00")
    expect(mara.get_by_role("link", name=re.compile("1 new run"))).to_be_visible()
    assert mara.locator("#run-rows tbody tr").nth(1).bounding_box() == before
    assert mara.evaluate("document.activeElement.closest('tr')?.id") == under
    middle = (before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    assert mara.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('tr')?.id", list(middle)) == under
    mara.keyboard.press("n")
    expect(mara.locator("#run-rows tbody tr").first).to_contain_text("NW-90201")
    expect(mara.get_by_role("link", name="Refund for order NW-90201")).to_be_focused()
    expect(mara.locator("#runs-new")).to_have_text("newest first")


def test_a_row_that_changed_is_replaced_alone(product, jonas, elsewhere, mara):
    run = ticket(jonas, product, "NW-90202", "34.00")
    expect(jonas.locator(".page-head .state-pill")).to_have_text("Waiting for a decision")
    at(mara, product, "runs/")
    row = mara.locator("tr", has_text="NW-90202")
    expect(row.locator(".state-pill")).to_have_text("Waiting for a decision")
    mara.evaluate("document.querySelectorAll('#run-rows tr').forEach((row) => (row.untouched = true))")
    card_of(elsewhere, product, run).locator('[data-answer="approve"]').click()
    expect(row.locator(".state-pill")).to_have_text("Done")
    changed = mara.evaluate("[...document.querySelectorAll('#run-rows tr')].filter((row) => !row.untouched).length")
    assert changed == 1


def test_news_that_comes_while_an_older_answer_is_under_way_is_not_lost(product, jonas, elsewhere):
    run = ticket(jonas, product, "NW-90207", "35.00")
    expect(jonas.locator(".page-head .state-pill")).to_have_text("Waiting for a decision")
    older = jonas.request.get(run, headers={"HX-Request": "true"}).text()
    held = []
    jonas.route(re.compile(re.escape(run)), lambda route: route.continue_() if held else held.append(route))
    card_of(elsewhere, product, run)
    with jonas.expect_request(lambda request: "after=" in request.url):
        jonas.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    elsewhere.locator('[data-answer="approve"]').click()
    elsewhere.goto(run)
    expect(elsewhere.locator(".page-head .state-pill")).to_have_text("Done")
    held[0].fulfill(body=older, content_type="text/html")
    expect(jonas.locator(".page-head .state-pill")).to_have_text("Done")
    jonas.unroute_all()


def test_the_card_stays_and_says_what_became_of_it_elsewhere(product, jonas, elsewhere, mara):
    run = ticket(jonas, product, "NW-90203", "35.00")
    mara.set_viewport_size({"width": 1280, "height": 640})
    card_of(mara, product, run)
    mara.locator(".agent-words summary").click()
    mara.locator(".review-scroll").evaluate("(pane) => pane.scrollTo(0, 120)")
    sentence, address = mara.locator(".effect-sentence").text_content(), mara.url
    row = mara.locator(".queue-item[aria-current]")
    card_of(elsewhere, product, run).locator('[data-answer="reject"]').click()
    elsewhere.locator("#reason").fill("It was paid back by hand already")
    elsewhere.locator("#reject").get_by_role("button", name="Reject", exact=True).click()
    expect(mara.locator(".review-decided")).to_contain_text("rejected it: “It was paid back by hand already”")
    assert (mara.locator(".effect-sentence").text_content(), mara.url) == (sentence, address)
    assert mara.locator(".review-scroll").evaluate("(pane) => pane.scrollTop") == 120
    assert mara.locator(".agent-words").evaluate("(details) => details.open")
    expect(row).to_have_attribute("data-decided", "failed")
    expect(row).to_contain_text("rejected")
    expect(mara.locator("#announcer")).to_contain_text("Rejected")
    mara.set_viewport_size({"width": 1440, "height": 900})


def test_new_requests_join_the_queue_and_the_card_stays(product, jonas, mara):
    at(mara, product, "review/")
    sentence, address = mara.locator(".effect-sentence").text_content(), mara.url
    first = mara.locator("[data-queue-item]").first.bounding_box()
    ticket(jonas, product, "NW-90204", "36.00")
    pill = mara.get_by_role("link", name=re.compile("1 new request"))
    expect(pill).to_be_visible()
    assert mara.locator("[data-queue-item]").first.bounding_box() == first
    pill.click()
    expect(mara.locator("[data-queue-item]", has_text="NW-90204")).to_be_focused()
    assert (mara.locator(".effect-sentence").text_content(), mara.url) == (sentence, address)
    expect(mara.locator(".queue-item[aria-current]")).to_have_count(1)


def test_a_stop_stands_on_every_page_within_a_second(product, ilse, mara):
    at(mara, product, "runs/")
    at(ilse, product, "stops/")
    ilse.get_by_role("radio").last.check()
    ilse.get_by_label(re.compile("Why|Reason")).first.fill("the ledger pays twice")
    ilse.locator("main form button[type=submit]").first.click()
    began = time.monotonic()
    expect(mara.locator(".kill-banner")).to_contain_text("the ledger pays twice", timeout=3000)
    assert time.monotonic() - began < 1.5  # the page of whoever stopped loads within it too
    ilse.get_by_role("button", name="Lift it…").first.click()
    ilse.locator("dialog[open] textarea, dialog[open] input:not([type=hidden])").first.fill("it is mended now")
    ilse.locator("dialog[open] button[type=submit]").click()
    expect(mara.locator(".kill-banner")).to_have_count(0, timeout=3000)


def test_a_lost_socket_says_so_polls_and_heals(product, browser, jonas):
    page = sign_in(browser, product, "reviewer")
    lost = {"now": False}
    sockets = []

    def through(socket) -> None:
        sockets.append(socket)
        if lost["now"]:
            socket.close(code=1011)
        else:
            socket.connect_to_server()

    page.route_web_socket(re.compile("/ws/"), through)
    at(page, product, "runs/")
    lost["now"] = True
    sockets[-1].close(code=1011)
    expect(page.locator("#live-mark")).to_have_text("Live paused")
    ticket(jonas, product, "NW-90205", "12.00")
    page.get_by_role("button", name="Ask now").click()
    expect(page.get_by_role("link", name=re.compile("1 new run"))).to_be_visible()
    lost["now"] = False
    expect(page.locator(LIVE)).to_have_text("Live")
    expect(page.get_by_role("button", name="Ask now")).to_be_hidden()
    page.context.close()


HIDE = "Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away === true })"


def test_a_hidden_tab_asks_nothing_and_catches_up_once(product, browser, jonas):
    page = sign_in(browser, product, "reviewer")
    page.add_init_script(HIDE)
    at(page, product, "runs/")
    page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.split("?")[0]))
    run = ticket(jonas, product, "NW-90206", "11.00")
    expect(jonas.locator(".page-head .state-pill")).to_have_text("Done")
    assert asked == []
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("link", name=re.compile("1 new run"))).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert asked.count(f"{product.url}/northwind/runs/") == 1, (asked, run)
    page.context.close()


def test_a_flag_that_is_switched_shows_on_the_run_it_concerns_within_a_second(product, mara, ilse):
    at(mara, product, "runs/")
    mara.get_by_role("link", name=re.compile("Outreach to Ada Osei")).click()
    mara.locator(LIVE).wait_for()
    says = mara.locator(".run-about .marked", has_text="Follow up after three days")
    expect(says).to_contain_text("on for this run")
    for mode, words in (("off", "off for this run"), ("on", "on for this run")):
        change_flag(ilse, product, mode)
        began = time.monotonic()
        expect(says).to_contain_text(words, timeout=1500)
        assert time.monotonic() - began < 1


def change_flag(page: Page, product: Product, mode: str) -> None:
    page.goto(f"{product.url}/northwind/flags/?flag=follow_up_enabled")
    page.locator(f"input[name=mode][value={mode}]").check()
    page.get_by_label("Reason", exact=True).fill("tried in a test")
    page.get_by_role("button", name="Save the rule").click()
    page.wait_for_load_state("networkidle")
