"""axe finds nothing on any page, in light and dark, wide and on a phone; nothing overflows; nothing breaks the policy."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.e2e.product import Product, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
PAGES = [
    "review/",
    "review/?queue=1",
    "runs/",
    "runs/?state=failed",
    "runs/new/",
    "unknown/",
    "decided/",
    "decided/?whose=all",
    "runs/0/",
]
ADMIN = [
    "members/",
    "members/?text=nobody",
    "flags/",
    "flags/?flag=follow_up_enabled",
    "history/",
    "history/?kind=policy",
    "stops/",
    "runs/new/lead/",
    "runs/new/leads/",
]
SHAPES = [(1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
@pytest.mark.parametrize("role", ["reviewer", "owner"])
def test_no_page_has_a_violation_an_overflow_or_a_console_error(product, browser: Browser, role, width, height, scheme):
    page = sign_in(browser, product, role, color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": height})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    paths = [*PAGES, *_found(page, product)] if role == "reviewer" else [*ADMIN, *_chosen(page, product)]
    for path in paths:
        page.goto(f"{product.url}/northwind/{path}")
        page.wait_for_load_state("load")
        found = [violation["id"] for violation in Axe().run(page).response["violations"]]
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert (found, wide <= width) == ([], True), f"{path} at {width} {scheme}: {found} {wide}"
    assert [line for line in said if "404" not in line] == []
    page.context.close()


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_the_system_page_has_no_violation_and_no_overflow(product, browser: Browser, width, height, scheme):
    page = sign_in(browser, product, "support", color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{product.url}/northwind/system/")
    page.get_by_role("region", name="Worker processes").wait_for()
    page.locator(".system-parts summary").click()
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_without_a_line_has_no_violation(product, browser: Browser, scheme):
    page = sign_in(browser, product, "reviewer", color_scheme=scheme)
    page.context.set_offline(True)
    page.locator("#line:not([hidden])").wait_for()
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    page.context.close()


def _chosen(page, product: Product) -> list[str]:
    """A member, a run about a lead, and a draft that it made."""
    page.goto(f"{product.url}/northwind/members/")
    member = page.locator(".title-cell a").first.get_attribute("href")
    page.goto(f"{product.url}/northwind/runs/?text=Ada+Osei")
    run = page.locator(".title-cell a").first.get_attribute("href")
    page.goto(f"{product.url}{run}")
    draft = page.locator(".link-list a").first.get_attribute("href")
    return [f"members/{member}", *(path.removeprefix("/northwind/") for path in (run, draft) if path)]


def _found(page, product: Product) -> list[str]:
    """A card and a run that the demo has."""
    page.goto(f"{product.url}/northwind/runs/")
    run = page.locator(".title-cell a").first.get_attribute("href")
    page.goto(f"{product.url}/northwind/review/")
    card = page.locator("[data-queue-item]").first.get_attribute("href")
    return [path.removeprefix("/northwind/") for path in (run, card) if path]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_signing_in_has_no_violation(product, browser: Browser, scheme):
    page = browser.new_context(color_scheme=scheme).new_page()
    page.goto(f"{product.url}/accounts/login/?next=/northwind/review/")
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    page.context.close()


def test_every_page_comes_with_a_strict_policy(product):
    policy = httpx.get(f"{product.url}/accounts/login/").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
