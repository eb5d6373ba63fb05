"""Admins at work in a browser: people come and go, rules change under others' eyes, and history keeps it."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product, sign_in
from tests.e2e.test_live import at, change_flag
from tests.e2e.test_main_job import state, ticket

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def ilse(browser: Browser, product: Product) -> Iterator[Page]:
    """The owner."""
    page = sign_in(browser, product, "owner")
    yield page
    page.context.close()


def invite(page: Page, product: Product, name: str, role: str) -> str:
    """The link that is shown once."""
    at(page, product, "members/")
    page.get_by_role("button", name="Add a member…").click()
    page.get_by_label("E-mail", exact=True).fill(f"{name.lower()}@northwind.example")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("dialog").get_by_role("radio", name=re.compile(f"^{role}")).check()
    page.get_by_role("button", name="Add the member").click()
    expect(page.locator(".notice").first).to_contain_text(f"Send {name} this link")
    return page.locator(".notice [data-copy]").get_attribute("data-copy") or ""


def choose(page: Page, product: Product, name: str) -> None:
    at(page, product, "members/")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("complementary", name=name)).to_be_visible()


def remove(page: Page, name: str, reason: str) -> None:
    page.get_by_role("button", name=re.compile("^Remove (them|yourself)")).click()
    page.get_by_role("dialog").get_by_label("Reason").fill(reason)
    page.get_by_role("button", name=f"Remove {name}").click()


def test_somebody_new_chooses_a_password_by_a_link_that_works_once(product, browser, ilse):
    link = invite(ilse, product, "Nora", "Reviewer")
    page = browser.new_context().new_page()
    page.goto(link)
    page.get_by_label("Password").fill("a long password of hers")
    page.get_by_role("button", name="Set the password").click()
    page.wait_for_url("**/accounts/login/**")
    page.get_by_label("E-mail").fill("nora@northwind.example")
    page.get_by_label("Password").fill("a long password of hers")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/review/**")
    assert (page.goto(link) or page).status in (404, 410)
    page.context.close()


def test_a_role_is_changed_and_a_member_removed_with_a_reason_that_history_keeps(product, ilse):
    invite(ilse, product, "Otto", "Starter")
    choose(ilse, product, "Otto")
    ilse.get_by_role("radio", name=re.compile("^Reviewer")).last.check()
    ilse.locator("#role-why").fill("he reads refunds from today")
    ilse.get_by_role("button", name="Save the role").click()
    expect(ilse.get_by_role("complementary", name="Otto").locator(".tag")).to_have_text("Reviewer")
    remove(ilse, "Otto", "he left the company")
    expect(ilse.get_by_role("link", name="Otto", exact=True)).to_have_count(0)
    at(ilse, product, "history/?kind=member")
    expect(ilse.get_by_role("row", name=re.compile("he reads refunds from today"))).to_contain_text(
        "starter → reviewer"
    )
    expect(ilse.get_by_role("row", name=re.compile("he left the company"))).to_contain_text("Ilse Marchetti")


def test_the_last_owner_stays_and_is_told_why(product, ilse):
    choose(ilse, product, "Ilse Marchetti")
    remove(ilse, "Ilse Marchetti", "I want to leave")
    expect(ilse.locator("main")).to_contain_text("owner")
    choose(ilse, product, "Ilse Marchetti")
    expect(ilse.get_by_role("complementary", name="Ilse Marchetti").locator(".tag")).to_have_text("Owner")


def test_a_rule_says_what_it_would_change_before_it_is_saved(product, ilse):
    at(ilse, product, "flags/?flag=follow_up_enabled")
    ilse.locator("input[name=mode][value=off]").check()
    expect(ilse.locator("#reach")).to_contain_text("On for 0")
    expect(ilse.locator("#reach")).to_contain_text("Outreach to Ada Osei")
    ilse.locator("summary", has_text="Always on").click()
    ilse.get_by_label("Jonas Ek").check()
    expect(ilse.locator("#reach")).to_contain_text("Nothing changes for them")
    ilse.get_by_role("button", name="Save the rule").click()
    expect(ilse.locator("main")).to_contain_text("Say why")
    assert ilse.get_by_label("Jonas Ek").is_checked()


def test_a_flag_that_is_switched_shows_in_another_window_within_a_second(product, ilse, mara):
    at(mara, product, "flags/")
    for mode, words in (("off", "Off"), ("on", "On")):
        change_flag(ilse, product, mode)
        began = time.monotonic()
        expect(mara.locator("#flag-list")).to_contain_text(words, timeout=1500)
        assert time.monotonic() - began < 1
    at(ilse, product, "history/?kind=flag")
    expect(ilse.locator("main table")).to_contain_text("off → on")


def test_a_stop_tells_what_it_holds_back_and_history_who_lifted_it(product, ilse, jonas, mara):
    at(ilse, product, "stops/")
    ilse.get_by_role("radio", name="Tool refund_payment").check()
    ilse.get_by_label("Why?").fill("the ledger is counted")
    ilse.get_by_role("button", name="Stop tool refund_payment").click()
    ticket(jonas, product, "NW-90401", "12.00")
    state(jonas, "Held by a stop")
    expect(ilse.locator("#stops-on")).to_contain_text("Refund for order NW-90401", timeout=5000)
    ilse.get_by_role("button", name="Lift it…").click()
    ilse.get_by_role("dialog").get_by_label("Reason").fill("the count is over")
    ilse.get_by_role("button", name="Lift the stop").click()
    expect(ilse.locator("#stops-on")).to_contain_text("Nothing is stopped")
    state(jonas, "Done")
    expect(ilse.locator("#stops-now")).to_contain_text("the count is over")
