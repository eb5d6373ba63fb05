"""A lead from the form to its end, on the product as people meet it: two mails that were read by people, and silence."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import outbound
from tests.e2e.outbound import approve, entered, followed, lead, made, state, story, three_days
from tests.e2e.product import Product, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
ARTIFACT = re.compile("/artifacts/")


@pytest.fixture(scope="module")
def pages(browser, product) -> Iterator[dict[str, Page]]:
    """One signed-in page a role for this module: signing in is most of a short test's time."""
    found = {role: sign_in(browser, product, role) for role in ("reviewer", "starter")}
    yield found
    for page in found.values():
        page.context.close()


@pytest.fixture
def mara(pages) -> Page:
    return pages["reviewer"]


@pytest.fixture
def jonas(pages) -> Page:
    return pages["starter"]


def bar(page: Page, step: str) -> dict[str, float]:
    row = page.locator(".trace-row").filter(has=page.get_by_role("link", name=step, exact=True))
    box = row.locator("rect.bar").bounding_box()
    assert box is not None
    return {"begin": box["x"], "end": box["x"] + box["width"]}


def test_a_lead_from_the_form_gets_two_mails_that_people_agreed_to_and_the_run_ends_without_a_reply(
    product: Product, jonas, mara
):
    given = lead()
    run = entered(jonas, product, given)
    state(jonas, "Waiting for a decision")
    assert product.mails(given["email"]) == []
    for number in (1, 2):
        approve(mara, product, run)
        state(jonas, "Waiting for a reply")
        assert [mail["copies"] for mail in product.mails(given["email"])] == [1] * number
        three_days(product)
        if number == 1:
            state(jonas, "Waiting for a decision")
    state(jonas, "Done")
    story(jonas, "No reply after two mails")
    assert len(product.mails(given["email"])) == 2


def test_register_and_press_are_read_side_by_side(product, jonas):
    run = entered(jonas, product, lead())
    state(jonas, "Waiting for a decision")
    followed(jonas, run)
    expect(jonas.locator(".trace")).to_contain_text("2 in parallel")
    register, press = bar(jonas, "register"), bar(jonas, "press")
    assert register["begin"] < press["end"]
    assert press["begin"] < register["end"]
    story(jonas, "read the company register")
    story(jonas, "read the press")


def test_the_evidence_of_a_request_leads_to_the_step_that_read_it(product, jonas, mara):
    outbound.card_of(mara, product, entered(jonas, product, lead()))
    mara.get_by_role("link", name="step research/register").click()
    expect(mara.get_by_role("region", name="Step")).to_contain_text("Weaves technical fabrics")
    mara.get_by_role("link", name="Input").click()
    expect(mara.get_by_role("region", name="Step")).to_contain_text("brightloom.example")


def test_a_source_that_hangs_does_not_keep_the_other_one_waiting(product, jonas):
    product.fault("register", "timeout")
    entered(jonas, product, lead())
    press = jonas.locator(".trace-row").filter(has=jonas.get_by_role("link", name=re.compile("press$")))
    expect(press).to_contain_text("2 articles")
    expect(jonas.locator(".page-head .state-pill")).to_have_text(re.compile("Running|Retrying"))
    state(jonas, "Waiting for a decision")


def test_while_it_waits_the_page_says_for_what_and_until_when(product, jonas, mara):
    run = entered(jonas, product, lead())
    approve(mara, product, run)
    state(jonas, "Waiting for a reply")
    about = jonas.get_by_role("region", name=re.compile("About"))
    expect(about).to_contain_text(re.compile(r"Waits for a reply, until \d+ \w{3}, \d\d:\d\d \(2 d 23 h left\)"))
    story(jonas, "It waits for a reply")
    three_days(product)
    state(jonas, "Waiting for a decision")
    expect(about).not_to_contain_text("Waits for a reply")
    expect(jonas.locator(".run-story-text")).not_to_contain_text("It waits for a reply")


def test_what_it_wrote_stands_on_its_page_and_opens(product, jonas, mara):
    given = lead()
    run = entered(jonas, product, given)
    approve(mara, product, run)
    state(jonas, "Waiting for a reply")
    expect(jonas.get_by_role("region", name="Made by this run").locator("li")).to_have_count(2)
    assert made(jonas) == ["First mail, draft 1", "First mail, as sent"]
    jonas.get_by_role("link", name="First mail, as sent").click()
    jonas.wait_for_url(ARTIFACT)
    [mail] = product.mails(given["email"])
    expect(jonas.get_by_role("region", name="Content")).to_contain_text(given["email"])
    assert mail["text"].strip() in jonas.locator(".text-sent").inner_text().replace("\r\n", "\n")


def test_the_follow_up_is_held_like_the_first_mail_and_answers_it(product, jonas, mara):
    given = lead()
    run = entered(jonas, product, given)
    approve(mara, product, run)
    state(jonas, "Waiting for a reply")
    three_days(product)
    state(jonas, "Waiting for a decision")
    assert len(product.mails(given["email"])) == 1
    outbound.card_of(mara, product, run)
    expect(mara.locator(".effect-sentence")).to_contain_text("Re: ")
    expect(mara.get_by_text("First mail, 3 days ago, no reply")).to_be_visible()
    approve(mara, product, run)
    state(jonas, "Waiting for a reply")
    newest, first = product.mails(given["email"])
    assert dict(newest["headers"])["In-Reply-To"] == first["message_id"]


def test_a_reason_to_reject_reaches_the_next_draft(product, jonas, mara):
    given = lead()
    run = entered(jonas, product, given)
    outbound.card_of(mara, product, run).locator('[data-answer="reject"]').click()
    mara.locator("#reason").fill("please do not mention the second mill")
    mara.locator("#reject").get_by_role("button", name="Reject", exact=True).click()
    expect(mara.get_by_text("Rejected").first).to_be_visible()
    expect(jonas.get_by_role("link", name="First mail, draft 2")).to_be_visible()
    approve(mara, product, run)
    state(jonas, "Waiting for a reply")
    [mail] = product.mails(given["email"])
    assert "second mill" not in mail["text"]
