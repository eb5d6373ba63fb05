"""The mailbox: what SMTP hands over is kept, listed and found by its effect key."""

import smtplib
from email.message import EmailMessage

import pytest

from tests.config import world_process


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    with world_process.running("mailbox", tmp_path_factory.mktemp("mailbox")) as program:
        yield program


@pytest.fixture
def mailbox(process):
    yield process
    process.web.delete("/faults")


def send(mailbox, key, *, seconds=10.0, text="Your refund of £248.00 is on its way."):
    letter = EmailMessage()
    letter["From"], letter["To"] = "Refund desk <desk@northwind.example>", "Marek Dvořák <marek.dvorak@example.net>"
    letter["Subject"], letter["Message-ID"], letter["X-Effect-Key"] = (
        "Your refund – NW-48190",
        f"<{key}@holdpoint>",
        key,
    )
    letter.set_content(text)
    return deliver(mailbox, letter.as_bytes(), seconds=seconds)


def deliver(mailbox, raw, *, seconds=10.0):
    """The reply to DATA: code and text. Raises what smtplib raises when there is none."""
    with smtplib.SMTP(*mailbox.smtp, timeout=seconds) as line:
        line.ehlo()
        line.mail("desk@northwind.example")
        line.rcpt("marek.dvorak@example.net")
        reply = line.data(raw)
        line.close()
        return reply


def kept(mailbox, key):
    return mailbox.web.get(f"/messages/by-key/{key}").json()["messages"]


def test_a_message_is_kept_with_its_key_people_subject_and_text(mailbox):
    assert send(mailbox, "whole") == (250, b"2.0.0 Kept")
    (letter,) = kept(mailbox, "whole")
    assert (letter["key"], letter["message_id"]) == ("whole", "<whole@holdpoint>")
    assert letter["from"] == "Refund desk <desk@northwind.example>"
    assert letter["to"] == "Marek Dvořák <marek.dvorak@example.net>"
    assert letter["subject"] == "Your refund – NW-48190"
    assert letter["text"] == "Your refund of £248.00 is on its way."
    assert letter["received_at"].endswith("Z")


def test_headers_and_envelope_are_kept_as_they_came(mailbox):
    deliver(mailbox, b"X-Effect-Key: raw\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\nText\r\n")
    (letter,) = kept(mailbox, "raw")
    assert letter["headers"] == [["X-Effect-Key", "raw"], ["X-Twice", "1"], ["X-Twice", "2"]]
    assert letter["envelope"] == {"from": "desk@northwind.example", "to": ["marek.dvorak@example.net"]}
    assert letter["to"] == "marek.dvorak@example.net"


def test_the_same_message_twice_is_kept_twice(mailbox):
    send(mailbox, "double")
    send(mailbox, "double")
    assert [letter["copies"] for letter in kept(mailbox, "double")] == [2, 2]


def test_a_key_without_a_message_gives_an_empty_list(mailbox):
    assert kept(mailbox, "never-sent") == []


def test_the_list_of_messages_starts_with_the_newest(mailbox):
    send(mailbox, "older")
    send(mailbox, "newer")
    keys = [letter["key"] for letter in mailbox.web.get("/messages.json").json()["messages"]]
    assert keys[:2] == ["newer", "older"]


@pytest.mark.parametrize(
    "raw",
    [
        b"X-Effect-Key: odd\r\nContent-Type: text/plain; charset=no-such-set\r\n\r\n\xff\xfe\r\n",
        b"X-Effect-Key: odd\r\nFrom: =?utf-8?b?//8=?= <\r\nTo: ,;<>\r\nSubject: \xff\r\n\r\nText\r\n",
        b"X-Effect-Key: odd\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\nno parts\r\n",
        b"X-Effect-Key: odd\r\nFrom: a@[\r\nMessage-ID: <[\r\n\r\n",
    ],
)
def test_a_broken_message_is_kept_and_the_pages_stay_readable(mailbox, raw):
    before = len(kept(mailbox, "odd"))
    assert deliver(mailbox, raw)[0] == 250
    assert len(kept(mailbox, "odd")) == before + 1
    assert mailbox.web.get("/").status_code == 200


@pytest.mark.parametrize(("mode", "code"), [("unavailable", 451), ("limited", 450), ("declined", 550)])
def test_a_message_that_was_turned_away_is_not_kept(mailbox, mode, code):
    mailbox.arm(mode)
    assert send(mailbox, mode)[0] == code
    assert kept(mailbox, mode) == []


def test_a_rubbish_reply_is_no_confirmation_and_nothing_was_kept(mailbox):
    mailbox.arm("rubbish")
    code, _ = send(mailbox, "rubbish")
    assert code == -1
    assert kept(mailbox, "rubbish") == []


def test_a_drop_keeps_the_message_and_the_sender_gets_no_250(mailbox):
    mailbox.arm("drop")
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        send(mailbox, "dropped")
    assert len(kept(mailbox, "dropped")) == 1


def test_a_timeout_answers_nobody_and_keeps_nothing(mailbox):
    mailbox.arm("timeout")
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        send(mailbox, "held", seconds=0.3)
    assert send(mailbox, "after")[0] == 250
    assert kept(mailbox, "held") == []
