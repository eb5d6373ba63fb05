"""The review pages: the card from its bytes, one answer to one digest, and what became of it."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import decisions, policies, render
from approvals.models import Vote
from runs.models import Action
from runs.tools import shop
from tests.pages import at, browser, words
from tests.runs.worlds import HOLD, carry_out, inside, request_of, started

# Static files are found without being collected; the folder for collected ones need not exist.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")
REASON = "refund 10.00 only"


@pytest.fixture(autouse=True)
def renderer(monkeypatch):
    """The tests' tool has a renderer, as every real one has."""

    def draw(value, snapshot):
        return render.Card(
            renderer="test_pay 1",
            sentence=(render.Part(text="Pay "), render.Part(text=str(value.amount_minor), variable=True)),
            facts=(render.Fact(label="Note", value=value.note),),
            changes=(render.Change(label="Paid", before="0", after=str(value.amount_minor)),),
        )

    monkeypatch.setitem(render.RENDERERS, ("test_pay", 1), draw)


def held(cast, note="", rules=HOLD, **rule):
    rules = {"rules": [{**rules["rules"][0], **rule}]}
    policies.publish(actor=cast.alice, rules=rules, note="test")
    run = carry_out(started(cast, {"do": "act", "amount_minor": 4200, "note": note}))
    return run, request_of(run)


def card(actor, request, **extra):
    return browser(actor).get(at(actor, f"review/{request.pk}/"), extra)


def answer(actor, request, answer, *, digest="", fragment=False, **data):
    client = browser(actor, HX_Request="true") if fragment else browser(actor)
    form = {"answer": answer, "digest": digest or request.action.digest, **data}
    return client.post(at(actor, f"review/{request.pk}/decisions/"), form, follow=True)


def votes(run):
    return inside(run, lambda: Vote.objects.filter(approval__run=run.pk).count())


def test_the_queue_opens_its_first_request(cast):
    held(cast)
    page = browser(cast.bob).get(at(cast.bob, "review/"))
    assert "Waiting for you" in words(page)
    assert '<h1 class="effect-sentence">Pay <b>4200</b></h1>' in page.content.decode()


def test_the_badge_is_the_length_of_the_list(cast):
    for _ in range(3):
        held(cast)
    html = browser(cast.bob).get(at(cast.bob, "review/")).content.decode()
    assert html.count("data-queue-item") == 3
    assert set(re.findall(r'data-count="waiting"[^>]*>(\d+)<', html)) == {"3"}


def test_nobody_waits_is_said_with_what_to_do(cast):
    assert "Nobody waits for you" in words(browser(cast.bob).get(at(cast.bob, "review/")))


def test_an_approval_is_recorded_and_the_page_says_so(cast):
    run, request = held(cast)
    page = answer(cast.bob, request, "approve")
    assert "Approved, not executed yet" in words(page)
    assert "The vote is recorded. Nothing has been sent yet." in words(page)
    assert votes(run) == 1


def test_an_executed_request_shows_three_equal_fingerprints_and_the_receipt(cast):
    run, request = held(cast)
    answer(cast.bob, request, "approve")
    carry_out(run)
    html = card(cast.bob, request).content.decode()
    prints = re.findall(r'<span class="fingerprint">([0-9a-f ]{19})</span>', html)
    assert len(prints) == 3
    assert len(set(prints)) == 1
    assert f"r-{str(request.action_id)[:8]}" in html


def test_a_rejection_without_a_reason_is_not_recorded_and_the_text_stays(cast):
    run, request = held(cast)
    page = answer(cast.bob, request, "reject", reason="bad")
    assert page.status_code == 422
    assert "Too short for the agent to act on." in words(page)
    assert ">bad</textarea>" in page.content.decode()
    assert votes(run) == 0


def test_a_rejection_says_that_nothing_was_sent(cast):
    _, request = held(cast)
    page = words(answer(cast.bob, request, "reject", reason=REASON))
    assert f"Bob rejected it: “{REASON}” Nothing was sent." in page
    assert "Never executed" in page


def test_the_slower_of_two_learns_who_was_faster_and_why(cast):
    run, request = held(cast)
    answer(cast.bob, request, "reject", reason=REASON)
    page = answer(cast.carol, request, "approve")
    assert page.status_code == 409
    assert "Somebody was faster. It is rejected by Bob already. Your answer was not recorded." in words(page)
    assert REASON in words(page)
    assert votes(run) == 1


def test_an_answer_to_another_digest_is_refused(cast):
    run, request = held(cast)
    page = answer(cast.bob, request, "approve", digest="0" * 64)
    assert (page.status_code, votes(run)) == (409, 0)
    assert "The payload changed." in words(page)


def test_who_started_the_run_may_watch_and_not_decide(cast):
    run, request = held(cast)
    page = card(cast.jon, request)
    assert "data-decision" not in page.content.decode()
    assert "You asked for this yourself, so somebody else decides it." in words(page)
    assert answer(cast.jon, request, "approve").status_code == 403
    assert votes(run) == 0


def test_support_staff_may_watch_and_not_decide(cast):
    _, request = held(cast)
    assert "Waiting for others" in words(card(cast.dave, request))
    assert answer(cast.dave, request, "approve").status_code == 403


def test_a_stranger_finds_no_request(cast):
    run, request = held(cast)
    assert card(cast.charlie, request).status_code == 404
    assert answer(cast.charlie, request, "approve").status_code == 404
    assert votes(run) == 0


def test_what_cannot_be_shown_plainly_turns_approve_off_until_it_was_opened(cast):
    run, request = held(cast, note="pay\u200b now")
    html = card(cast.bob, request).content.decode()
    assert 'data-answer="approve" aria-disabled="true"' in html
    assert "1 part of this cannot be shown plainly" in html
    assert answer(cast.bob, request, "approve").status_code == 422
    assert votes(run) == 0
    assert "Approved, not executed yet" in words(answer(cast.bob, request, "approve", opened="on"))


def test_hidden_and_lookalike_characters_stand_as_what_they_are(cast):
    _, request = held(cast, note="p\u0430y\u200b")
    html = card(cast.bob, request).content.decode()
    assert '<span class="lookalike">\u0430</span><span class="char-chip" title="cyrillic small letter a">U+0430' in html
    assert '<span class="char-chip" title="zero width space">U+200B' in html


def test_a_renderer_that_crashes_shows_the_bytes_and_says_so(cast, monkeypatch):
    monkeypatch.setitem(render.RENDERERS, ("test_pay", 1), lambda value, snapshot: 1 / 0)
    run, request = held(cast, note="as it is")
    page = words(card(cast.bob, request))
    assert "The renderer crashed (ZeroDivisionError). These are the bytes that would run." in page
    assert '{"amount_minor":4200,"note":"as it is"}' in page
    assert answer(cast.bob, request, "approve").status_code == 422
    assert inside(run, lambda: Action.objects.get(run_id=run.pk).status) == "held"


def test_text_of_others_is_never_markup(cast):
    _, request = held(cast, note="<script>alert(1)</script>")
    html = card(cast.bob, request).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_a_vote_is_blind_until_ones_own_is_in(cast):
    _, request = held(cast, quorum=2)
    decisions.approve(actor=cast.bob, approval_id=request.pk, digest=request.action.digest)
    before = card(cast.carol, request).content.decode()
    assert "Others have voted. You see how after your own vote." in before
    assert "Bob approved" not in before
    assert "data-blind" in before
    assert "Bob approved" in card(cast.bob, request).content.decode()


def test_one_of_two_approvals_waits_for_the_other(cast):
    _, request = held(cast, quorum=2)
    page = words(answer(cast.bob, request, "approve"))
    assert "Your approval is recorded: 1 of 2." in page
    assert "Yours is in, waiting for others" in page


def test_an_approved_request_can_be_stopped_while_it_is_held(cast):
    _, request = held(cast, hold_window_s=60)
    page = answer(cast.bob, request, "approve")
    assert "Until then any reviewer can stop it. Nothing has left." in words(page)
    stopped = answer(cast.carol, request, "reject", reason="wrong customer, stop it")
    assert "Rejected" in words(stopped)


def test_an_answer_as_a_fragment_is_the_middle_of_the_page_alone(cast):
    _, request = held(cast)
    html = answer(cast.bob, request, "approve", fragment=True).content.decode()
    assert html.strip().startswith("<section")
    assert "review-queue" not in html


def test_a_fragment_without_news_is_empty(cast):
    _, request = held(cast)
    version = re.search(r"version=([^\"]+)\"", card(cast.bob, request).content.decode())
    assert version is not None
    client = browser(cast.bob, HX_Request="true")
    path = at(cast.bob, f"review/{request.pk}/?version={version[1]}")
    assert client.get(path).status_code == 204
    answer(cast.carol, request, "approve")
    assert "Approved" in words(client.get(path))


def test_new_requests_are_counted_and_do_not_move_the_list(cast):
    held(cast)
    html = browser(cast.bob).get(at(cast.bob, "review/")).content.decode()
    follow = re.search(r'queue/\?(after=[^"]+)"', html)
    assert follow is not None
    _, second = held(cast)
    news = browser(cast.bob).get(at(cast.bob, f"review/queue/?{unescape(follow[1])}"))
    assert "1 new request" in words(news)
    assert str(second.pk) not in news.content.decode()


def test_a_request_that_was_decided_keeps_its_place_in_the_queue_and_says_so(cast):
    _, request = held(cast)
    answer(cast.carol, request, "reject", reason=REASON)
    news = browser(cast.bob).get(at(cast.bob, f"review/queue/?shown={request.pk}&others=&after={request.pk}"))
    assert 'data-decided="failed"' in news.content.decode()
    assert "rejected" in words(news)


def test_the_queue_of_another_tenant_shows_no_row_by_its_id(cast):
    _, request = held(cast)
    news = browser(cast.charlie).get(at(cast.charlie, f"review/queue/?shown={request.pk}&others=&after="))
    assert f"request-{request.pk}" not in news.content.decode()


def test_decided_requests_say_what_became_of_them(cast):
    run, request = held(cast)
    answer(cast.bob, request, "approve")
    carry_out(run)
    page = words(browser(cast.bob).get(at(cast.bob, "decided/")))
    assert "Bob approved it. It was executed once, and the receipt is kept." in page
    assert "You have decided nothing yet" in words(browser(cast.carol).get(at(cast.carol, "decided/")))


def test_a_get_never_decides(cast):
    run, request = held(cast)
    assert browser(cast.bob).get(at(cast.bob, f"review/{request.pk}/decisions/")).status_code == 405
    assert votes(run) == 0


def test_the_queue_needs_as_many_queries_for_five_requests_as_for_one(cast):
    def count() -> int:
        client = browser(cast.bob)
        client.get(at(cast.bob, "review/"))
        with CaptureQueriesContext(connection) as found:
            client.get(at(cast.bob, "review/"))
        return len(found)

    held(cast)
    one = count()
    for _ in range(4):
        held(cast)
    assert count() == one


def test_what_one_asked_for_oneself_waits_for_others(cast):
    policies.publish(actor=cast.alice, rules=HOLD, note="test")
    run = carry_out(started(cast, {"do": "act"}, by=cast.bob))
    html = browser(cast.bob).get(at(cast.bob, "review/")).content.decode()
    assert "Nobody waits for you" in html
    assert "Waiting for others" in html
    assert str(request_of(run).pk) in html
    assert "Waiting for you" in words(browser(cast.carol).get(at(cast.carol, "review/")))


def test_a_request_leaves_ones_queue_with_ones_vote(cast):
    _, request = held(cast, quorum=2)
    answer(cast.bob, request, "approve")
    assert "Nobody waits for you" in words(browser(cast.bob).get(at(cast.bob, "review/")))
    assert "Waiting for you" in words(browser(cast.carol).get(at(cast.carol, "review/")))


def test_a_refund_of_more_than_is_left_says_so():
    given = {"order": "NW-48213", "customer": "Priya", "amount_minor": 14400, "currency": "GBP"}
    refund = shop.Refund(**given, paid_with="card ending 4417", reason="torn seam")
    balance = {"paid_minor": 14400, "refunded_minor": 14400, "left_minor": 0}
    changes = {
        change.label: change.after for change in render.RENDERERS[("refund_payment", 1)](refund, balance).changes
    }
    assert changes["Left of the order"] == "£144.00 too little; it would be refused"
