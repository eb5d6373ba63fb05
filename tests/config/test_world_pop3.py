"""The mailbox by POP3, read with the standard library's client as the product reads it."""

import asyncio
import contextlib
import email
import poplib
import smtplib
import socket
import uuid
from email.policy import default

import pytest

from config.world import faults, pop3, serving
from config.world.letters import SCHEMA, Letters
from config.world.record import Record
from tests.config import world_process

PASSWORD = "holdpoint-demo"


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    place = tmp_path_factory.mktemp("mailbox")
    with world_process.running("mailbox", place, HOLDPOINT_SALES_PASSWORD=PASSWORD) as program:
        yield program


@pytest.fixture
def mailbox(process):
    yield process
    process.web.delete("/pop3/faults")


@pytest.fixture
def lines():
    """Closes what a test leaves open."""
    opened = []
    yield opened
    for line in opened:
        line.close()


@pytest.fixture
def enter(mailbox, lines):
    """Open a line to the mailbox and sign in there."""

    def opened(address, password=PASSWORD, seconds=10.0):
        line = poplib.POP3(*mailbox.pop3, timeout=seconds)
        lines.append(line)
        line.user(address)
        line.pass_(password)
        return line

    return opened


@pytest.fixture
def address(mailbox):
    """An address with three mails: first, second, third."""
    name = f"a{uuid.uuid4().hex}@northwind.example"
    for text in ("first", "second", "third"):
        mailbox.write_to(name, f"{text}-{name}", text=text)
    return name


@pytest.fixture
def raw(mailbox):
    """A line without a client behind it: `raw(bytes)` sends, and returns all answers until the server ends it."""

    def said(given, patience=10):
        with socket.create_connection(mailbox.pop3, timeout=patience) as line:
            line.sendall(given)
            return b"".join(iter(lambda: line.recv(65536), b""))

    return said


def arm(mailbox, mode, count=1):
    mailbox.web.post("/pop3/faults", json={"mode": mode, "count": count}).raise_for_status()


def texts(line):
    found = (email.message_from_bytes(b"\r\n".join(line.retr(n + 1)[1]), policy=default) for n in range(line.stat()[0]))
    return [message.get_content().strip() for message in found]


def test_the_mails_to_an_address_come_in_the_order_they_arrived(mailbox, enter, address):
    mailbox.write_to("somebody.else@northwind.example", "else")
    assert texts(enter(address.upper())) == ["first", "second", "third"]


def test_an_address_without_mail_has_an_empty_mailbox(enter):
    line = enter("nobody@northwind.example")
    assert (line.stat(), line.list()[1], line.uidl()[1]) == ((0, 0), [], [])


def test_a_reply_from_the_page_is_read_with_its_thread(mailbox, enter):
    mailbox.write_to("ada.osei@brightloom.example", "thread")
    mailbox.web.post("/messages/by-key/thread/replies", json={"text": "Gerne, schöne Grüße"}).raise_for_status()
    _, octets, _ = enter("sales@northwind.example").retr(1)
    message = email.message_from_bytes(b"\r\n".join(octets), policy=default)
    assert message["In-Reply-To"] == "<thread@holdpoint>"
    assert message.get_content().startswith("Gerne, schöne Grüße\r\n\r\nOn ")


def test_sizes_are_those_of_the_mails_as_they_travel(enter, address):
    line = enter(address)
    sizes = [int(told.split()[1]) for told in line.list()[1]]
    assert sizes == [sum(len(row) + 2 for row in line.retr(n)[1]) for n in (1, 2, 3)]
    assert line.stat() == (3, sum(sizes))
    assert line.list(2).split()[1:] == [b"2", str(sizes[1]).encode()]


@pytest.mark.parametrize("text", [".", "..", ".\r\n.\r\n", "a\r.\rb", "end\r\n.", "ä" * 400, ""])
def test_dots_and_odd_line_ends_neither_end_a_mail_nor_change_it(mailbox, enter, text):
    name = f"a{uuid.uuid4().hex}@northwind.example"
    mailbox.write_to(name, "dots", text=text)
    line = enter(name)
    body = b"\n".join(line.retr(1)[1]).decode().partition("\n\n")[2]
    assert body.rstrip("\n") == text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert line.noop() == b"+OK"


def test_top_gives_the_headers_and_so_many_lines(mailbox, enter):
    name = f"a{uuid.uuid4().hex}@northwind.example"
    mailbox.write_to(name, "top", text="one\r\n.two\r\nthree")
    line = enter(name)
    head, none = line.retr(1)[1][:-3], line.top(1, 0)[1]
    assert none == head
    assert none[-1] == b""
    assert line.top(1, 2)[1] == [*head, b"one", b".two"]
    assert line.top(1, 99)[1] == line.retr(1)[1]


def test_an_id_stays_with_its_mail_through_deletions_and_a_kill(tmp_path):
    ids = []
    for _ in range(2):
        with world_process.running("mailbox", tmp_path) as mailbox:
            if not ids:
                for key in ("gone", "stays"):
                    mailbox.write_to("sales@northwind.example", key)
            line = poplib.POP3(*mailbox.pop3, timeout=10)
            line.user("sales@northwind.example")
            line.pass_(PASSWORD)
            ids.append({told.split()[1] for told in line.uidl()[1]})
            if len(ids) == 1:
                line.dele(1)
            line.quit()
            mailbox.kill()
    assert len(ids[0]) == 2
    assert ids[1] < ids[0]


def test_a_deletion_counts_from_quit_and_for_this_address_only(mailbox, enter, address):
    other = f"b{address}"
    with smtplib.SMTP(*mailbox.smtp, timeout=10) as line:
        line.sendmail("a@northwind.example", [address, other], "Subject: To two\r\n\r\nfourth\r\n")
    line = enter(address)
    line.dele(4)
    assert (line.stat()[0], enter(address).stat()[0]) == (3, 4)
    line.quit()
    assert (enter(address).stat()[0], enter(other).stat()[0], len(mailbox.mails_to(address))) == (3, 1, 4)


def test_a_marked_mail_is_gone_for_this_session_until_rset(enter, address):
    line = enter(address)
    line.dele(2)
    for ask in (line.dele, line.retr, line.list, line.uidl):
        with pytest.raises(poplib.error_proto, match="No such message"):
            ask(2)
    assert [told.split()[0] for told in line.uidl()[1]] == [b"1", b"3"]
    line.rset()
    assert line.stat()[0] == 3


def test_a_line_that_just_ends_deletes_nothing(enter, address):
    line = enter(address)
    line.dele(1)
    line.close()
    assert enter(address).stat()[0] == 3


def test_two_sessions_see_what_they_saw_and_may_delete_the_same(mailbox, enter, address):
    one, other = enter(address), enter(address)
    one.dele(1)
    one.quit()
    mailbox.write_to(address, "late")
    assert texts(other) == ["first", "second", "third"]
    other.dele(1)
    other.quit()
    assert texts(enter(address)) == ["second", "third", "Shall we talk?"]


@pytest.mark.parametrize("password", ["", "wrong", "holdpoint-demo ", " holdpoint-demo", "ä", "HOLDPOINT-DEMO"])
def test_a_wrong_password_is_refused(enter, address, password):
    with pytest.raises(poplib.error_proto, match="Wrong address or password"):
        enter(address, password)


def test_the_third_wrong_password_ends_the_line(raw):
    said = raw(b"USER a@b.example\r\nPASS x\r\n" * 5)
    assert said.count(b"-ERR [AUTH]") == 3
    assert said.endswith(b"Wrong address or password\r\n")


def test_nothing_is_told_before_the_sign_in(raw):
    wanted = (
        b"STAT",
        b"LIST",
        b"UIDL",
        b"RETR 1",
        b"TOP 1 0",
        b"DELE 1",
        b"RSET",
        b"NOOP",
        b"PASS holdpoint-demo",
        b"USER",
    )
    said = raw(b"".join(word + b"\r\n" for word in (*wanted, b"QUIT"))).split(b"\r\n")
    assert [line[:4] for line in said] == [b"+OK ", *([b"-ERR"] * len(wanted)), b"+OK ", b""]


def test_capabilities_are_told_at_any_time(enter, address):
    line = enter(address)
    assert {"TOP", "USER", "UIDL", "RESP-CODES"} <= set(line.capa())


@pytest.mark.parametrize(
    "word",
    ["RETR", "RETR 0", "RETR 4", "RETR -1", "RETR ²", "RETR 1x", "DELE 99999999999999999999", "TOP 1", "TOP 1 x"],
)
def test_odd_numbers_are_refused_and_the_line_goes_on(enter, address, word):
    line = enter(address)
    line.encoding = "utf-8"
    with pytest.raises(poplib.error_proto, match="-ERR"):
        line._shortcmd(word)
    assert line.stat()[0] == 3


@pytest.mark.parametrize("word", [b"", b" ", b"XYZZY", b"\xff\xfe", b"RETR\x001", b"stat now"])
def test_odd_words_are_refused_and_the_line_goes_on(raw, word):
    said = raw(b"USER a@b.example\r\nPASS holdpoint-demo\r\n" + word + b"\r\nNOOP\r\nQUIT\r\n")
    assert said.endswith(b"+OK\r\n+OK Goodbye\r\n")


@pytest.mark.parametrize("given", [b"USER " + b"x" * 600 + b"\r\n", b"x" * 100_000])
def test_a_line_without_end_is_ended(raw, given):
    with contextlib.suppress(ConnectionError):  # octets that nobody reads let the system cut the line before the answer
        assert raw(given).endswith(b"-ERR A line has at most 512 octets\r\n")


@pytest.mark.parametrize(
    ("mode", "says"), [("unavailable", "SYS/TEMP"), ("limited", "LOGIN-DELAY"), ("declined", "may not sign in")]
)
def test_a_refused_sign_in_says_why_and_the_next_one_works(mailbox, enter, address, mode, says):
    arm(mailbox, mode)
    with pytest.raises(poplib.error_proto, match=says):
        enter(address)
    assert enter(address).stat()[0] == 3


def test_a_drop_ends_the_line_in_the_middle_of_a_mail(mailbox, enter, address):
    arm(mailbox, "drop")
    line = enter(address)
    line.dele(2)
    with pytest.raises((poplib.error_proto, ConnectionError)):
        line.retr(1)
    assert texts(enter(address)) == ["first", "second", "third"]


def test_rubbish_is_no_mail(mailbox, enter, address):
    arm(mailbox, "rubbish")
    with pytest.raises(poplib.error_proto, match="doctype"):
        enter(address).retr(1)


def test_a_slow_mail_outlasts_its_reader_and_holds_up_nobody_else(mailbox, enter, address):
    arm(mailbox, "timeout")
    with pytest.raises(TimeoutError):
        enter(address, seconds=0.3).retr(1)
    assert len(texts(enter(address))) == 3


def test_faults_of_reading_leave_the_arrival_of_mail_alone(mailbox, address):
    arm(mailbox, "unavailable")
    mailbox.write_to(address, "arrives")
    assert mailbox.web.get("/pop3/faults").json() == {"mode": "unavailable", "count": 1}
    assert mailbox.web.get("/faults").json() == {"mode": None, "count": 0}


def test_an_idle_line_is_ended_and_deletes_nothing(tmp_path):
    letters = Letters(Record(tmp_path, "mailbox", SCHEMA))
    letters.keep(b"Subject: Hi\r\n\r\nText\r\n", envelope_from="", envelope_to=["a@b.example"])

    async def said():
        with serving.bound(0) as listener:
            async with pop3.listening(letters, PASSWORD, faults.Faults(), listener, idle_s=0.2):
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                writer.write(f"USER a@b.example\r\nPASS {PASSWORD}\r\nDELE 1\r\n".encode())
                told = await asyncio.wait_for(reader.read(), 10)
                writer.close()
                return told

    assert asyncio.run(said()).endswith(b"+OK 1 goes at QUIT\r\n")
    assert len(letters.sizes_to("a@b.example")) == 1


def test_an_open_line_does_not_keep_the_mailbox_from_ending(tmp_path):
    with world_process.running("mailbox", tmp_path) as mailbox:
        line = poplib.POP3(*mailbox.pop3, timeout=10)
        mailbox.process.terminate()
        assert mailbox.process.wait(timeout=4) is not None
        line.close()


def test_mail_of_an_older_record_is_read_too(tmp_path):
    record = Record(tmp_path, "mailbox", SCHEMA)
    Letters(record).keep(b"Subject: Old\n\r\n.\nText", envelope_from="", envelope_to=["A@b.example", "a@b.example"])
    with record.change() as db:
        db.execute("DROP TABLE addressed")
    again = Letters(Record(tmp_path, "mailbox", SCHEMA))
    assert [again.raw(number) for number, _ in again.sizes_to("a@B.example")] == [b"Subject: Old\r\n\r\n.\r\nText\r\n"]
