"""The mailbox as a page: honest, safe to look at, and plain when there is nothing."""

import re
import smtplib

import pytest

from tests.config import world_process

HOSTILE = (
    'X-Effect-Key: "><script>alert(1)</script>\r\nSubject: <img src=x onerror=alert(1)>\r\nFrom: $sender\r\n\r\n'
    "<style>*{}</style> $text &amp;\r\n"
)


@pytest.fixture
def mailbox(tmp_path):
    with world_process.running("mailbox", tmp_path) as program:
        yield program


def deliver(mailbox, raw):
    with smtplib.SMTP(*mailbox.smtp, timeout=10) as line:
        line.sendmail("desk@northwind.example", ["priya.raman@example.net"], raw)


def test_an_empty_mailbox_says_so_in_a_sentence(mailbox):
    html = mailbox.web.get("/").text
    assert "No message has arrived yet." in html
    assert "0 messages" in html


def test_the_page_shows_the_newest_message_first_and_marks_a_key_that_came_twice(mailbox):
    for subject, key in (("First letter", "one"), ("Second letter", "two"), ("Third letter", "two")):
        deliver(mailbox, f"Subject: {subject}\r\nX-Effect-Key: {key}\r\n\r\nHello\r\n")
    html = mailbox.web.get("/").text
    assert re.findall(r"(\w+) letter</h2>", html) == ["Third", "Second", "First"]
    assert html.count("2 messages have this effect key") == 2


def test_a_hostile_message_is_text_and_never_markup(mailbox):
    deliver(mailbox, HOSTILE)
    html = mailbox.web.get("/").text
    assert not re.search(r"<(script>|(img|style)\b)", html)
    assert "&lt;style&gt;*{}&lt;/style&gt; $text &amp;amp;" in html
    assert "$sender" in html


def test_the_page_has_no_inline_style_or_script_and_its_policy_allows_none(mailbox):
    deliver(mailbox, "Subject: Plain\r\n\r\nText\r\n")
    answer = mailbox.web.get("/")
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", answer.text)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_sheet_and_the_icon_that_the_page_names_are_served(mailbox):
    named = re.findall(r'<link [^>]*href="([^"]+)"', mailbox.web.get("/").text)
    kinds = {mailbox.web.get(address).headers["content-type"].split(";")[0] for address in named}
    assert kinds == {"text/css", "image/svg+xml"}
