"""The README's pictures, from the product as it is: `bin/picture`."""

import tempfile
from pathlib import Path

from tests.e2e.product import ROOT, chromium, running, sign_in

PICTURES = ROOT / "docs" / "pictures"


def main() -> None:
    """Start the product over an empty directory and write docs/pictures/review.png and run.png."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        with running(Path(place) / "data") as product, chromium() as browser:
            page = sign_in(browser, product, "reviewer")
            page.locator(".live-mark:not([data-live])").wait_for()
            page.screenshot(path=PICTURES / "review.png")
            page.goto(f"{product.url}/northwind/runs/")
            page.get_by_role("link", name="NW-48177").click()
            page.locator(".live-mark:not([data-live])").wait_for()
            page.screenshot(path=PICTURES / "run.png")


if __name__ == "__main__":
    main()
