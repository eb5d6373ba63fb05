"""The way of a lead on a phone and in the dark: it is decided there, nothing is wider than the screen, nothing complains."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e import outbound
from tests.e2e.outbound import answered, approve, entered, followed, lead, state, three_days
from tests.e2e.product import sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SHAPES = [(390, 844, "light"), (390, 844, "dark"), (1440, 900, "dark")]
BARRED = "asked not to be contacted"


class Screen:
    """Two people's pages in one shape, and what their consoles said."""

    def __init__(self, browser, product, width: int, height: int, scheme: str) -> None:
        self.width, self.said = width, []
        self.mara, self.jonas = (
            sign_in(browser, product, role, color_scheme=scheme) for role in ("reviewer", "starter")
        )
        for page in (self.mara, self.jonas):
            page.set_viewport_size({"width": width, "height": height})
            page.on("console", self._heard)
            page.on("pageerror", lambda error: self.said.append(str(error)))

    def _heard(self, message) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.said.append(message.text)

    def fits(self, page: Page) -> None:
        """Nothing is wider than the screen, and axe finds nothing."""
        assert page.evaluate("document.documentElement.scrollWidth") <= self.width, page.url
        assert [found["id"] for found in Axe().run(page).response["violations"]] == [], page.url


@pytest.fixture(params=SHAPES, ids=lambda shape: f"{shape[0]}-{shape[2]}")
def screen(request, browser, product):
    found = Screen(browser, product, *request.param)
    yield found
    for page in (found.mara, found.jonas):
        page.context.close()
    assert found.said == []


def test_a_lead_is_entered_decided_and_followed_to_its_end(product, screen):
    run = entered(screen.jonas, product, lead())
    state(screen.jonas, "Waiting for a decision")
    for step in ("Waiting for a reply", "Done"):
        screen.fits(screen.jonas)
        screen.fits(outbound.card_of(screen.mara, product, run))
        approve(screen.mara, product, run)
        screen.fits(screen.mara)
        state(screen.jonas, "Waiting for a reply")
        screen.fits(screen.jonas)
        three_days(product)
        state(screen.jonas, "Waiting for a decision" if step != "Done" else "Done")
    screen.fits(screen.jonas)
    screen.jonas.get_by_role("link", name="Follow-up, as sent").click()
    expect(screen.jonas.get_by_role("heading", name="Follow-up, as sent")).to_be_visible()
    screen.fits(screen.jonas)


def test_a_no_and_what_it_forbids(product, screen):
    given = lead()
    run = entered(screen.jonas, product, given)
    approve(screen.mara, product, run)
    answered(screen.mara, product, given, "Not interested, please stop")
    screen.fits(screen.mara)
    followed(screen.jonas, run)
    state(screen.jonas, "Done")
    screen.fits(screen.jonas)
    outbound.filled(screen.jonas, product, given)
    expect(screen.jonas.get_by_role("alert")).to_contain_text(BARRED)
    screen.fits(screen.jonas)


def test_a_form_and_a_file_with_faults(product, screen):
    outbound.filled(screen.jonas, product, lead(email="ada@brightlom.example", person=""))
    expect(screen.jonas.get_by_role("alert")).to_contain_text("Nothing was started yet.")
    screen.fits(screen.jonas)
    outbound.pasted(screen.jonas, product, [lead(), lead(company=""), lead(email="ada@brightlom.example")])
    screen.fits(screen.jonas)
