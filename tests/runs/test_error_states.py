"""Errors in words: a whole page for a person who went there, one sentence for a page that asked for a part."""

import uuid

import pytest
from django.db import OperationalError

from runs import queries
from tests.pages import at, browser, words

# Static files are found without being collected; the folder for collected ones need not exist.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")
NOWHERE = f"runs/{uuid.uuid4()}/"


def part(actor):
    return browser(actor, HX_Request="true")


def test_a_page_that_is_not_here_says_so_with_a_way_back(cast):
    answer = browser(cast.bob).get(at(cast.bob, NOWHERE))
    assert answer.status_code == 404
    assert "Nothing is here" in words(answer)
    assert "To the runs" in words(answer)


def test_a_part_that_is_not_here_is_one_sentence(cast):
    answer = part(cast.bob).get(at(cast.bob, NOWHERE))
    html = answer.content.decode().strip()
    assert answer.status_code == 404
    assert html.startswith('<div class="notice" data-state="failed" role="alert">')
    assert "<html" not in html


def test_a_part_without_the_right_is_one_sentence(cast):
    answer = part(cast.jon).get(at(cast.jon, "system/"))
    assert answer.status_code == 403
    assert "This is not yours to do." in words(answer)
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize(("headers", "whole"), [({}, True), ({"HX_Request": "true"}, False)])
def test_what_breaks_is_said_without_asking_the_database_again(cast, monkeypatch, headers, whole):
    def away(*args, **kwargs):
        raise OperationalError("the connection is closed")

    client = browser(cast.bob, **headers)
    client.raise_request_exception = False
    monkeypatch.setattr(queries, "runs_page", away)
    answer = client.get(at(cast.bob, "runs/"))
    assert answer.status_code == 500
    assert "Something broke on our side" in words(answer)
    assert ("<html" in answer.content.decode()) is whole


def test_a_form_of_an_earlier_sign_in_says_that_nothing_was_recorded(cast):
    client = browser(cast.bob)
    client.handler.enforce_csrf_checks = True
    answer = client.post(at(cast.bob, "runs/new/"), {"order": "NW-1"})
    assert answer.status_code == 403
    assert "Your sign-in changed" in words(answer)
    assert "nothing was recorded" in words(answer)
