"""Every test here can stop a claim at its named points."""

import pytest


@pytest.fixture(autouse=True)
def boundaries(settings):
    settings.HOLDPOINT_BOUNDARIES = "tests.concurrency.stops.hook"
