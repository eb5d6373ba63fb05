"""One running product for the session's browser tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import need
from tests.e2e.product import Product, chromium, running, sign_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    need("chromium")
    place = tmp_path_factory.mktemp("product")
    for directory in (place, *place.parents[:2]):
        directory.chmod(0o755)
    with running(place / "data") as found:
        yield found


@pytest.fixture(scope="module")  # its event loop must not run under the other tests
def browser(product: Product) -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def mara(browser: Browser, product: Product) -> Iterator[Page]:
    """The reviewer."""
    page = sign_in(browser, product, "reviewer")
    yield page
    page.context.close()


@pytest.fixture
def theo(browser: Browser, product: Product) -> Iterator[Page]:
    """Support staff: may repair runs and may not decide."""
    page = sign_in(browser, product, "support")
    yield page
    page.context.close()


@pytest.fixture
def jonas(browser: Browser, product: Product) -> Iterator[Page]:
    """Starts runs."""
    page = sign_in(browser, product, "starter")
    yield page
    page.context.close()
