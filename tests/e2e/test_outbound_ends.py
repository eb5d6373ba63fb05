"""The other ends of the outbound workflow: a no, a lead that is busy, a file with faults, a flag, and a refund by API."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import outbound
from tests.e2e.outbound import answered, approve, entered, followed, lead, posted, state, story, three_days
from tests.e2e.product import Product, sign_in
from tests.e2e.test_main_job import STORY, customer, entries, letters

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
FLAG = "northwind/flags/?flag=follow_up_enabled"


@pytest.fixture(scope="module")
def pages(browser, product) -> Iterator[dict[str, Page]]:
    """One signed-in page a role for this module: signing in is most of a short test's time."""
    found = {role: sign_in(browser, product, role) for role in ("reviewer", "starter", "owner")}
    found["reader"] = browser.new_page()
    yield found
    for page in found.values():
        page.context.close()


@pytest.fixture
def mara(pages) -> Page:
    return pages["reviewer"]


@pytest.fixture
def jonas(pages) -> Page:
    return pages["starter"]


@pytest.fixture
def ilse(pages) -> Page:
    return pages["owner"]


@pytest.fixture
def reader(pages) -> Page:
    """Whoever got the mail, at the mailbox page, which asks nobody to sign in."""
    return pages["reader"]


@pytest.fixture(scope="module")
def key(product) -> str:
    return outbound.key_of(product)


@pytest.fixture
def no_follow_ups(product, ilse) -> Iterator[None]:
    yield
    _set_flag(ilse, product, "On")


def _set_flag(page: Page, product: Product, mode: str) -> None:
    page.goto(f"{product.url}/{FLAG}")
    page.get_by_role("radio", name=re.compile(f"^{mode}\\b")).check()
    page.get_by_label("Reason").fill("sales is away for a week")
    page.get_by_role("button", name="Save the rule").click()
    expect(page.get_by_text(f"set it to {mode.lower()}").first).to_be_visible()


def test_a_no_at_the_mailbox_ends_the_run_and_says_so_in_words(product, key, jonas, mara, reader):
    given = lead()
    run = posted(product, key, "leads", given)
    approve(mara, product, run)
    followed(jonas, run)
    state(jonas, "Waiting for a reply")
    answered(reader, product, given, "Not interested, please stop")
    state(jonas, "Done")
    story(jonas, "They said no, and are not contacted again")
    story(jonas, "we are not interested")
    expect(jonas.get_by_role("link", name=re.compile("^Reply from"))).to_be_visible()
    about = jonas.get_by_role("region", name=re.compile("About"))
    expect(about.locator(".state-pill")).to_have_text("Do not contact")
    expect(about).to_contain_text("Nothing is sent to them.")


def test_after_a_no_another_run_on_that_lead_writes_nothing(product, key, jonas, mara, reader):
    given = lead()
    run = posted(product, key, "leads", given)
    waiting = posted(product, key, "leads", given)
    approve(mara, product, run)
    answered(reader, product, given, "Not interested, please stop")
    followed(jonas, waiting)
    state(jonas, "Done")
    story(jonas, "Nothing to do: They are not to be contacted")
    expect(jonas.get_by_role("region", name=re.compile("About"))).to_contain_text("Do not contact")
    assert len([mail for mail in product.mails(given["email"]) if mail["key"]]) == 1


def test_after_a_no_neither_form_nor_api_starts_a_run(product, key, jonas, mara, reader):
    given = lead()
    run = posted(product, key, "leads", given)
    approve(mara, product, run)
    answered(reader, product, given, "Not interested, please stop")
    followed(jonas, run)
    state(jonas, "Done")
    outbound.filled(jonas, product, given)
    expect(jonas.get_by_role("alert")).to_contain_text("Wanda Brosch asked not to be contacted")
    expect(jonas.get_by_label("Company")).to_have_value(given["company"])
    refused = outbound.post(product, key, "leads", given)
    assert (refused.status_code, refused.json()["code"]) == (422, "do_not_contact")


def test_of_two_runs_on_a_lead_the_second_waits_and_then_has_nothing_to_do(product, key, jonas, mara, reader):
    given = lead()
    first = entered(jonas, product, given)
    state(jonas, "Waiting for a decision")
    second = posted(product, key, "leads", given)
    followed(jonas, second)
    state(jonas, "Waiting for its turn")
    story(jonas, "Another run works on them")
    jonas.get_by_role("region", name=re.compile("About")).get_by_role("link", name=first.split("/")[-2][:13]).click()
    jonas.wait_for_url(first)
    approve(mara, product, first)
    answered(reader, product, given, "Interested")
    followed(jonas, second)
    state(jonas, "Done")
    story(jonas, "Nothing to do: They were written to on")
    assert len([mail for mail in product.mails(given["email"]) if mail["key"]]) == 1


def test_the_form_says_that_a_run_works_on_a_lead_and_lets_another_one_wait(product, jonas):
    given = lead()
    first = entered(jonas, product, given)
    outbound.filled(jonas, product, given)
    expect(jonas.get_by_role("alert")).to_contain_text("A run works on this lead")
    jonas.get_by_role("button", name="Start anyway, it waits").click()
    jonas.wait_for_url(lambda url: "/runs/new/" not in url and url != first)
    state(jonas, "Waiting for its turn")


def test_rows_that_cannot_be_used_say_what_to_fix_and_the_others_start(product, jonas):
    good, slip = lead(person="Grace Adeyemi"), lead(person="Niamh Doyle", email="niamh@brightlom.example")
    rows = [good, slip, lead(company="", person="Lucia Velarde"), lead(person="Mads Holm", email="mads at tidemark")]
    outbound.pasted(jonas, product, rows)
    expect(jonas.get_by_text("1 can start, 3 to mend")).to_be_visible()
    expect(outbound.row_of(jonas, "Niamh Doyle")).to_contain_text("Did you mean niamh@brightloom.example?")
    expect(outbound.row_of(jonas, "Lucia Velarde")).to_contain_text("Write the company.")
    expect(outbound.row_of(jonas, "Mads Holm")).to_contain_text("Write an address like name@example.net.")
    jonas.get_by_role("button", name="Start 1 lead").click()
    expect(jonas.get_by_text("1 run started, each lead once.")).to_be_visible()
    expect(jonas.locator("#run-rows")).to_contain_text("Outreach to Grace Adeyemi")
    expect(jonas.locator("#run-rows")).not_to_contain_text("Mads Holm")


def test_what_cannot_be_used_of_a_file_is_saved_with_what_to_fix(product, jonas):
    outbound.chosen(jonas, product, [lead(), lead(company="", person="Lucía Velarde")])
    expect(jonas.get_by_text("1 can start, 1 to mend")).to_be_visible()
    with jonas.expect_download() as saved:
        jonas.get_by_role("button", name="Save the rest as CSV").click()
    text = saved.value.path().read_text("utf-8-sig")
    assert (text.count("\n"), "Lucía Velarde" in text, "Write the company." in text) == (2, True, True)


def test_a_row_is_mended_on_the_page_and_starts(product, jonas):
    word = lead()["email"].split("@")[0]
    outbound.pasted(jonas, product, [lead(person="Piotr Zielinski", email=f"{word}@brightlom.example")])
    jonas.get_by_role("button", name=f"Use {word}@brightloom.example").click()
    expect(outbound.row_of(jonas, "Piotr Zielinski")).to_contain_text("Can start")
    jonas.get_by_role("button", name="Start 1 lead").click()
    expect(jonas.locator("#run-rows")).to_contain_text("Outreach to Piotr Zielinski")


def test_a_flag_that_is_switched_off_while_a_run_waits_ends_it_without_a_follow_up(
    product, key, jonas, mara, ilse, no_follow_ups
):
    given = lead()
    run = posted(product, key, "leads", given)
    approve(mara, product, run)
    followed(jonas, run)
    state(jonas, "Waiting for a reply")
    _set_flag(ilse, product, "Off")
    three_days(product)
    state(jonas, "Done")
    story(jonas, "No reply, and no follow-up: They did not answer, and follow-ups are switched off.")
    assert len(product.mails(given["email"])) == 1


def test_a_refund_by_api_is_followed_to_its_end_in_the_browser(product, key, jonas, mara):
    email = customer(product, "NW-90401")["customer"]["email"]
    asked = {"order": "NW-90401", "email": email, "story": STORY, "amount_minor": 4100}
    run = posted(product, key, "tickets", asked)
    followed(jonas, run)
    state(jonas, "Waiting for a decision")
    approve(mara, product, run)
    state(jonas, "Done")
    story(jonas, "refunded £41.00")
    [entry] = entries(product, "NW-90401")
    assert (entry["executions"], len(letters(product, "NW-90401"))) == (1, 1)
