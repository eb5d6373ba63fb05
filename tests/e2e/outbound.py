"""Steps of the outbound workflow as people take them: in the browser, by API, at the mailbox, on the command line."""

import re
import uuid
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.e2e.product import Product, manage
from tests.e2e.test_live import LIVE, card_of

LABELS = {"company": "Company", "domain": "Its web domain", "person": "Person", "email": "E-mail"}
LABELS |= {"role": "Their role", "note": "Why we write"}


def lead(**changed: str) -> dict[str, str]:
    """Somebody new at a company that register and press know."""
    given = {"company": "Brightloom Textiles", "domain": "brightloom.example", "person": "Wanda Brosch"}
    more = {"role": "Head of operations", "note": "She asked about rain jackets at the fair in Leeds."}
    return given | {"email": f"wanda.{uuid.uuid4().hex[:8]}@brightloom.example"} | more | changed


def filled(page: Page, product: Product, given: dict[str, str]) -> None:
    """The form of a lead, filled in and sent."""
    page.goto(f"{product.url}/northwind/runs/new/lead/")
    for name, label in LABELS.items():
        page.get_by_label(re.compile(f"^{label}")).fill(given.get(name, ""))
    page.get_by_role("button", name="Start the run").last.click()


def entered(page: Page, product: Product, given: dict[str, str]) -> str:
    """A lead through the form; the address of its run."""
    filled(page, product, given)
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/"))
    return page.url


def pasted(page: Page, product: Product, rows: list[dict[str, str]]) -> None:
    """Rows of a file, pasted and looked at."""
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    page.goto(f"{product.url}/northwind/runs/new/leads/")
    page.get_by_label("Or paste the rows").fill("\n".join(lines))
    page.get_by_role("button", name="Look at the rows").last.click()
    page.get_by_role("heading", name=re.compile(r"^\d+ rows?$")).wait_for()


def chosen(page: Page, product: Product, rows: list[dict[str, str]]) -> None:
    """The same rows as a file, chosen and looked at."""
    lines = [";".join(rows[0]), *(";".join(row.values()) for row in rows)]
    page.goto(f"{product.url}/northwind/runs/new/leads/")
    file = {"name": "leads.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode("utf-8-sig")}
    page.get_by_label("CSV, up to 500 rows and 1 MB").set_input_files([file])  # type: ignore[list-item]
    page.get_by_role("button", name="Look at the rows").last.click()
    page.get_by_role("heading", name=re.compile(r"^\d+ rows?$")).wait_for()


def row_of(page: Page, person: str) -> Locator:
    return page.locator(".leads-table tbody tr").filter(has_text=person)


def key_of(product: Product, role: str = "starter") -> str:
    """An API key, issued on the command line."""
    email = product.account(role)["email"]
    return manage(product, "issue_key", "--tenant", "northwind", "--email", email).strip().splitlines()[-1]


def post(product: Product, key: str, what: str, given: dict[str, Any]) -> httpx.Response:
    """A lead or a ticket by API."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid.uuid4().hex}
    return httpx.post(f"{product.url}/api/v1/{what}", json=given, headers=headers)


def posted(product: Product, key: str, what: str, given: dict[str, Any]) -> str:
    """The same; the address of its run."""
    answer = post(product, key, what, given)
    assert answer.status_code == 201, answer.text
    return f"{product.url}{answer.json()['url']}"


def approve(page: Page, product: Product, run: str) -> None:
    """Open the request of a run and agree to it."""
    card_of(page, product, run).locator('[data-answer="approve"]').click()
    expect(page.locator(".decision-card-head .state-pill")).to_have_text("Approved and executed", timeout=15_000)


def three_days(product: Product) -> None:
    assert "brought forward by 3 days" in manage(product, "advance_clock", "--days", "3")


def answered(page: Page, product: Product, given: dict[str, str], sample: str) -> None:
    """Answer the newest mail to a lead on the mailbox page, with one of its samples."""
    page.goto(product.env["HOLDPOINT_MAILBOX_URL"])
    message = page.get_by_role("article").filter(has_text=given["email"]).first
    message.get_by_text("Reply", exact=True).click()
    message.get_by_role("link", name=sample, exact=True).click()
    message.get_by_role("button", name="Send the reply").click()
    expect(page.get_by_text("Your reply was sent.")).to_be_visible()


def followed(page: Page, run: str) -> Page:
    """The page of a run, with its live line up."""
    page.goto(run)
    page.locator(LIVE).wait_for()
    return page


def state(page: Page, words: str) -> None:
    """The state beside the run's title, which arrives by socket; a look into the inbox takes its time."""
    expect(page.locator(".page-head .state-pill")).to_have_text(words, timeout=20_000)


def story(page: Page, words: str) -> None:
    expect(page.locator(".run-story-text")).to_contain_text(words)


def made(page: Page) -> list[str]:
    """Titles of what the run made, in the order in which they stand on its page."""
    return page.get_by_role("region", name="Made by this run").locator(".link-list .truncate").all_text_contents()
