"""Sales outreach from a lead to its end, in a real browser and by API, with three days that pass by a command."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from config.world import companies
from tests.e2e.product import Product, api, manage, running, sign_in
from tests.e2e.test_main_job import open_request, state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
PEOPLE = {person["email"].partition("@")[0]: person for person in companies.people()}


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Iterator[Product]:
    """A product of its own: its clock is moved, and others' runs must not feel that."""
    place = tmp_path_factory.mktemp("outbound")
    for directory in (place, *place.parents[:2]):
        directory.chmod(0o755)
    with running(place / "data") as found:
        yield found


@pytest.fixture
def ilse(browser: Browser, product: Product) -> Iterator[Page]:
    page = sign_in(browser, product, "owner")
    yield page
    page.context.close()


def three_days(product: Product) -> None:
    assert "brought forward" in manage(product, "advance_clock", "--days", "3")


def new_lead(page: Page, product: Product, name: str, note: str = "", anyway: bool = False) -> str:
    """A lead through the form; the address of its run."""
    page.goto(f"{product.url}/northwind/runs/new/lead/")
    labels = {"Company": "company", "Its web domain": "domain", "Person": "person", "E-mail": "email"}
    for label, field in labels.items():
        page.get_by_label(label, exact=True).fill(PEOPLE[name][field])
    page.get_by_label("Why we write").fill(note)
    page.get_by_role("button", name="Start the run").last.click()
    if anyway:
        page.get_by_role("button", name="Start anyway, it waits").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/"))
    return page.url


def approve(page: Page, run: str) -> None:
    open_request(page, run)
    page.locator('[data-answer="approve"]').click()
    expect(page.locator("#request").get_by_text("Approved and executed").first).to_be_visible()


def answered(page: Page, product: Product, name: str, words: str) -> None:
    """What a customer does: find the mail, answer it."""
    [mail, *_] = reversed(product.mails(PEOPLE[name]["email"]))
    page.goto(f"{product.env['HOLDPOINT_MAILBOX_URL']}/")
    letter = page.locator(f"#message-{mail['id']}")
    letter.locator("summary", has_text="Reply").click()
    letter.get_by_role("textbox").fill(words)
    letter.get_by_role("button", name="Send the reply").click()
    expect(page.locator("main")).to_contain_text(words)


def switch_follow_ups(page: Page, product: Product, mode: str) -> None:
    page.goto(f"{product.url}/northwind/flags/?flag=follow_up_enabled")
    page.locator(f"input[name=mode][value={mode}]").check()
    page.get_by_label("Reason", exact=True).fill("the campaign is over")
    page.get_by_role("button", name="Save the rule").click()
    expect(page.locator("#flag-list")).to_contain_text("On" if mode == "on" else "Off")


PHONE = {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}


@pytest.mark.parametrize(("name", "shape"), [("tobias", {}), ("grace", PHONE)], ids=["wide", "phone and dark"])
def test_a_lead_is_written_to_waited_for_three_days_and_followed_up_once(product, browser, jonas, name, shape):
    mara = sign_in(browser, product, "reviewer", **shape)
    run = new_lead(jonas, product, name)
    state(jonas, "Waiting for a decision")
    expect(jonas.locator("#trace, .trace").first).to_contain_text("research/press")
    approve(mara, run)
    state(jonas, "Waiting for a reply")
    expect(jonas.locator(".run-about")).to_contain_text("Waits for a reply")
    assert len(product.mails(PEOPLE[name]["email"])) == 1
    three_days(product)
    state(jonas, "Waiting for a decision")
    approve(mara, run)
    state(jonas, "Waiting for a reply")
    assert len(product.mails(PEOPLE[name]["email"])) == 2
    three_days(product)
    state(jonas, "Done")
    expect(jonas.locator("#run-page")).to_contain_text("No reply after two mails")
    assert mara.evaluate("document.documentElement.scrollWidth") <= mara.viewport_size["width"]
    mara.context.close()


def test_drafts_and_sent_mails_can_be_read_on_the_run_page(product, jonas, mara):
    run = new_lead(jonas, product, "ruairi")
    approve(mara, run)
    state(jonas, "Waiting for a reply")
    made = jonas.get_by_role("region", name="Made by this run")
    expect(made.get_by_role("link")).to_have_count(2)
    made.get_by_role("link", name=re.compile("as sent")).click()
    expect(jonas.locator("main")).to_contain_text("Subject:")
    expect(jonas.locator("main")).to_contain_text("Ruairi")


def test_a_no_by_mail_ends_it_for_good_also_for_the_next_run(product, jonas, mara):
    answer = api(product, "leads", PEOPLE["mads"], key="mads-1")
    assert answer.status_code == 201, answer.text
    run = f"{product.url}/northwind/runs/{answer.json()['run']}/"
    jonas.goto(run)
    state(jonas, "Waiting for a decision")
    approve(mara, run)
    state(jonas, "Waiting for a reply")
    answered(mara, product, "mads", "We are not interested. Please do not write to me again.")
    state(jonas, "Done")
    expect(jonas.locator("#run-page")).to_contain_text("They said no, and are not contacted again")
    expect(jonas.locator(".run-about")).to_contain_text("Do not contact")
    again = api(product, "leads", PEOPLE["mads"], key="mads-2")
    assert (again.status_code, again.json()["code"]) == (422, "do_not_contact")
    assert len(product.mails(PEOPLE["mads"]["email"])) == 1


def test_of_two_runs_on_one_lead_the_second_waits_and_has_nothing_to_do(product, jonas, mara):
    first = new_lead(jonas, product, "lucia")
    second = new_lead(jonas, product, "lucia", anyway=True)
    state(jonas, "Waiting for its turn")
    expect(jonas.locator(".run-about")).to_contain_text("Another run works on them")
    approve(mara, first)
    answered(mara, product, "lucia", "Sounds good, let us talk on Monday.")
    state(jonas, "Done")
    assert jonas.url == second
    expect(jonas.locator("#run-page")).to_contain_text("Nothing to do")
    assert len(product.mails(PEOPLE["lucia"]["email"])) == 1


def test_a_file_says_what_to_mend_and_starts_what_can_start(product, jonas):
    rows = [
        "company,domain,person,email",
        "Solvang Energi,solvangenergi.example,Ingrid Haugen,ingrid.haugen@solvangenergi.exampel",
    ]
    rows.append(",".join(PEOPLE["beatriz"][field] for field in ("company", "domain", "person", "email")))
    jonas.goto(f"{product.url}/northwind/runs/new/leads/")
    file = {"name": "leads.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()}
    jonas.get_by_label("CSV, up to 500 rows").set_input_files(file)
    jonas.get_by_role("button", name="Look at the rows").last.click()
    expect(jonas.locator("main")).to_contain_text("1 can start, 1 to mend")
    jonas.get_by_role("button", name="Use ingrid.haugen@solvangenergi.example").click()
    expect(jonas.locator("main")).to_contain_text("2 can start")
    jonas.get_by_role("button", name="Start 2 leads").click()
    expect(jonas.locator("body")).to_contain_text("Outreach to Ingrid Haugen")
    expect(jonas.locator("body")).to_contain_text("Outreach to Beatriz Almeida")


def test_without_the_flag_there_is_no_follow_up(product, jonas, mara, ilse):
    run = new_lead(jonas, product, "piotr")
    approve(mara, run)
    state(jonas, "Waiting for a reply")
    switch_follow_ups(ilse, product, "off")
    expect(jonas.locator(".run-about")).to_contain_text("off for this run", timeout=1500)
    three_days(product)
    state(jonas, "Done")
    expect(jonas.locator("#run-page")).to_contain_text("No reply, and no follow-up")
    assert len(product.mails(PEOPLE["piotr"]["email"])) == 1
    switch_follow_ups(ilse, product, "on")
