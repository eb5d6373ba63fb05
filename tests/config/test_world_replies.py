"""A reader answers a mail: one real e-mail per form, in the thread, in the mailbox of whoever wrote."""

import re
import smtplib
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.config import world_process

SALES = "sales@northwind.example"


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    with world_process.running("mailbox", tmp_path_factory.mktemp("mailbox")) as program:
        yield program


@pytest.fixture
def mailbox(process):
    yield process
    process.web.delete("/faults")


@pytest.fixture
def key(mailbox):
    """The effect key of a mail to Ada that no other test has answered."""
    name = f"mail-{uuid.uuid4()}"
    mailbox.write_to("Ada Osei <ada.osei@brightloom.example>", name)
    return name


def reply(mailbox, key, text="Yes, let us talk.", **headers):
    return mailbox.web.post(f"/messages/by-key/{key}/replies", json={"text": text}, headers=headers)


def replies(mailbox, key):
    """What lies in the mailbox of the sales desk in answer to this mail."""
    return [mail for mail in mailbox.mails_to(SALES) if ["In-Reply-To", f"<{key}@holdpoint>"] in mail["headers"]]


def number(mailbox, key):
    return mailbox.web.get(f"/messages/by-key/{key}").json()["messages"][0]["id"]


def send_form(mailbox, key, text="Yes, let us talk.", form="", **headers):
    fields = {"text": text, "form": form or str(uuid.uuid4())}
    return mailbox.web.post(f"/messages/{number(mailbox, key)}/replies", data=fields, headers=headers)


def test_a_reply_lies_in_the_mailbox_of_whoever_wrote_and_belongs_to_the_thread(mailbox, key):
    answer = reply(mailbox, key)
    (mail,) = replies(mailbox, key)
    assert (answer.status_code, answer.json()) == (201, {"message_id": mail["message_id"]})
    assert (mail["from"], mail["to"]) == (
        "Ada Osei <ada.osei@brightloom.example>",
        "Maya Lindqvist <sales@northwind.example>",
    )
    assert mail["envelope"] == {"from": "ada.osei@brightloom.example", "to": [SALES]}
    assert ["References", f"<{key}@holdpoint>"] in mail["headers"]
    assert (mail["subject"], mail["key"]) == ("Re: A second mill", "")
    assert re.fullmatch(r"Yes, let us talk\.\n\nOn .+ wrote:\n> Shall we talk\?", mail["text"])


def test_a_reply_goes_where_the_mail_asks_for_it(mailbox):
    mailbox.write_to("ada.osei@brightloom.example", "elsewhere", more="Reply-To: Desk <desk@northwind.example>\r\n")
    reply(mailbox, "elsewhere")
    (mail,) = [m for m in mailbox.mails_to("desk@northwind.example") if "elsewhere" in str(m["headers"])]
    assert (mail["from"], mail["to"]) == ("ada.osei@brightloom.example", "Desk <desk@northwind.example>")


def test_a_thread_grows_and_its_subject_does_not(mailbox):
    name, first = "x" * 120, "<first@holdpoint>"
    mailbox.write_to("ada.osei@brightloom.example", name, more=f"References: {first}\r\nSubject: Re: More\r\n")
    reply(mailbox, name)
    (mail,) = replies(mailbox, name)
    assert ["References", f"{first} <{name}@holdpoint>"] in mail["headers"]
    assert mail["subject"].count("Re:") == 1


@pytest.mark.parametrize("text", ["Grüße aus Łódź – 你好 👋", ".\n..\nA dot alone.", "x" * 4000, "One\r\n\r\nTwo"])
def test_the_words_of_a_reply_arrive_as_they_were_written(mailbox, key, text):
    assert reply(mailbox, key, text).status_code == 201
    (mail,) = replies(mailbox, key)
    assert mail["text"].startswith(text.replace("\r\n", "\n") + "\n\nOn ")


def test_a_long_mail_to_a_name_in_another_script_can_be_answered(mailbox):
    name = f"long-{uuid.uuid4()}"
    mailbox.write_to("Łukasz Kjær <lukasz@tidemark.example>", name, text="Wort " * 190)
    assert reply(mailbox, name).status_code == 201
    assert replies(mailbox, name)[0]["from"] == "Łukasz Kjær <lukasz@tidemark.example>"


@pytest.mark.parametrize(
    "body", [{"text": ""}, {"text": " \r\n\t"}, {"text": "\x00"}, {"text": 5}, {}, ["text"], "text"]
)
def test_a_reply_without_words_is_not_sent(mailbox, key, body):
    answer = mailbox.web.post(f"/messages/by-key/{key}/replies", json=body)
    assert (answer.status_code, answer.json()["error"]) == (422, "no_text")
    assert replies(mailbox, key) == []


def test_a_reply_that_is_too_long_is_not_sent_and_says_by_how_much(mailbox, key):
    answer = reply(mailbox, key, "x" * 4001)
    assert (answer.status_code, answer.json()["error"]) == (422, "text_too_long")
    assert "4,001 characters. Shorten it to 4,000." in answer.json()["why"]
    assert mailbox.web.post(f"/messages/by-key/{key}/replies", content=b"x" * 200_000).status_code == 413
    assert replies(mailbox, key) == []


@pytest.mark.parametrize("raw", ["", "{", "[" * 9000, b"\xff"])
def test_what_is_no_json_is_not_sent(mailbox, key, raw):
    answer = mailbox.web.post(f"/messages/by-key/{key}/replies", content=raw)
    assert (answer.status_code, answer.json()["error"]) == (400, "not_json")


def test_nobody_answers_a_mail_that_never_came(mailbox):
    answer = reply(mailbox, "never-sent")
    assert (answer.status_code, answer.json()["error"]) == (404, "no_such_message")


@pytest.mark.parametrize("sender", ["", "From: nobody\r\n", "From: <>\r\n", "From: =?utf-8?b?//8=?= <\r\n"])
def test_a_mail_that_names_nobody_cannot_be_answered(mailbox, sender):
    raw = f"{sender}X-Effect-Key: nameless\r\n\r\nText\r\n"
    with smtplib.SMTP(*mailbox.smtp, timeout=10) as line:
        line.sendmail("", ["ada.osei@brightloom.example"], raw)
    answer = reply(mailbox, "nameless")
    assert (answer.status_code, answer.json()["error"]) == (422, "no_address")


def test_headers_of_a_hostile_mail_add_none_to_the_reply(mailbox):
    more = "Subject: =?utf-8?q?Hi=0D=0ABcc=3A_eve=40evil.example?=\r\nReferences: =?utf-8?q?=0ABcc=3A_x?= <a@b>\r\n"
    raw = f"From: =?utf-8?q?=0D=0ABcc=3A_x?= <{SALES}>\r\nX-Effect-Key: sly\r\nMessage-ID: <sly@holdpoint>\r\n{more}\r\nHi\r\n"
    with smtplib.SMTP(*mailbox.smtp, timeout=10) as line:
        line.sendmail(SALES, ["ada.osei@brightloom.example"], raw)
    assert reply(mailbox, "sly").status_code == 201
    (mail,) = replies(mailbox, "sly")
    assert mail["envelope"]["to"] == [SALES]
    assert not {"bcc", "cc"} & {name.lower() for name, _ in mail["headers"]}


def test_one_idempotency_key_sends_one_reply(mailbox, key):
    answers = [reply(mailbox, key, **{"Idempotency-Key": "once"}).json() for _ in range(3)]
    assert (len(replies(mailbox, key)), answers) == (1, [answers[0]] * 3)


def test_without_a_key_each_post_is_a_reply(mailbox, key):
    assert [reply(mailbox, key).status_code for _ in range(2)] == [201, 201]
    assert len(replies(mailbox, key)) == 2


def test_a_form_that_is_sent_leads_back_to_the_mail_and_thanks(mailbox, key):
    answer = send_form(mailbox, key)
    mail = number(mailbox, key)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/?replied={mail}#message-{mail}")
    assert mailbox.web.get(answer.headers["location"]).text.count("Your reply was sent.") == 1
    assert len(replies(mailbox, key)) == 1


def test_a_crowd_of_clicks_on_one_form_sends_one_reply(mailbox, key):
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: send_form(mailbox, key, form="crowd"), range(8)))
    assert {answer.status_code for answer in answers} == {303}
    assert len(replies(mailbox, key)) == 1


def test_a_used_form_with_other_words_is_not_taken_for_sent_and_may_be_sent_anew(mailbox, key):
    send_form(mailbox, key, form="used")
    answer = send_form(mailbox, key, "No, wait.", form="used")
    assert (answer.status_code, len(replies(mailbox, key))) == (409, 1)
    assert "No, wait.</textarea>" in answer.text
    fresh = re.search(r'name="form" value="([^"]+)"[^$]*No, wait\.', answer.text).group(1)
    assert send_form(mailbox, key, "No, wait.", form=fresh).status_code == 303


@pytest.mark.parametrize(
    ("text", "form", "status", "says"),
    [
        ("  ", "", 422, "Nothing was sent: the reply has no words yet."),
        ("<b>" + "x" * 4000, "", 422, "Shorten it to 4,000."),
        ("Words", "f" * 101, 422, "This form is too old."),
    ],
)
def test_a_form_that_cannot_be_sent_says_why_and_keeps_the_words(mailbox, key, text, form, status, says):
    answer = send_form(mailbox, key, text, form)
    assert (answer.status_code, replies(mailbox, key)) == (status, [])
    assert says in answer.text
    assert f"\n{text.replace('<', '&lt;').replace('>', '&gt;')}</textarea>" in answer.text


def test_a_form_for_a_mail_that_is_not_there_says_so(mailbox):
    answer = mailbox.web.post("/messages/999999/replies", data={"text": "Hi", "form": "f"})
    assert answer.status_code == 404
    assert "there is no such message" in answer.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_the_page_of_another_site_replies_for_nobody(mailbox, key, site):
    assert send_form(mailbox, key, **{"Sec-Fetch-Site": site}).status_code == 403
    assert reply(mailbox, key, **{"Sec-Fetch-Site": site}).json()["error"] == "other_site"
    assert replies(mailbox, key) == []


@pytest.mark.parametrize("mode", ["unavailable", "declined", "rubbish"])
def test_a_reply_that_the_server_refuses_may_be_sent_again_with_the_same_form(mailbox, key, mode):
    mailbox.arm(mode)
    refused = send_form(mailbox, key, form="again")
    assert (refused.status_code, replies(mailbox, key)) == (502, [])
    assert "The mail server did not take your reply" in refused.text
    assert (send_form(mailbox, key, form="again").status_code, len(replies(mailbox, key))) == (303, 1)


def test_a_line_that_drops_after_the_mail_was_kept_sent_the_reply(mailbox, key):
    mailbox.arm("drop")
    assert [send_form(mailbox, key, form="dropped").status_code for _ in range(2)] == [303, 303]
    assert len(replies(mailbox, key)) == 1


def test_a_form_is_remembered_through_a_kill(tmp_path):
    for _ in range(2):
        with world_process.running("mailbox", tmp_path) as mailbox:
            if not mailbox.mails_to("ada.osei@brightloom.example"):
                mailbox.write_to("ada.osei@brightloom.example", "survivor")
            assert send_form(mailbox, "survivor", form="kept").status_code == 303
            assert len(replies(mailbox, "survivor")) == 1
            mailbox.kill()


def test_the_page_ties_a_reply_to_its_mail(mailbox, key):
    reply(mailbox, key)
    html, mail, (answer,) = mailbox.web.get("/").text, number(mailbox, key), replies(mailbox, key)
    assert f'<li>Answers <a href="#message-{mail}">A second mill</a></li>' in html
    assert f'<li>Answered by <a href="#message-{answer["id"]}">Ada Osei' in html


def test_only_mail_with_an_effect_key_offers_a_reply(mailbox, key):
    reply(mailbox, key)
    html = mailbox.web.get("/").text
    newest = html[html.index("<article") : html.index("</article>")]
    assert "Re: A second mill" in newest
    assert "<form" not in newest
    assert f'action="/messages/{number(mailbox, key)}/replies"' in html


@pytest.mark.parametrize(
    ("sample", "words"), [("interested", "interesting"), ("stop", "not write"), ("later", "again")]
)
def test_a_sample_fills_the_form_without_a_script_and_sends_nothing(mailbox, key, sample, words):
    mail = number(mailbox, key)
    html = mailbox.web.get("/", params={"draft": mail, "sample": sample}).text
    assert re.search(rf'<textarea id="text-{mail}"[^>]*autofocus>\n[^<]*{words}', html)
    assert replies(mailbox, key) == []


@pytest.mark.parametrize(
    "query", ["draft=x", "draft=²", "replied=-1", "draft=9999999999999999999", "sample=no&draft=1"]
)
def test_an_odd_address_of_the_page_is_the_page(mailbox, query):
    assert mailbox.web.get(f"/?{query}").status_code == 200


def test_mails_to_an_address_are_found_by_program_with_their_keys(mailbox):
    for name in ("count-1", "count-2"):
        mailbox.write_to("Lucía <Lucia@velarde.example>", name)
    mailbox.write_to("lucia@velarde.example.org", "count-3")
    assert [mail["key"] for mail in mailbox.mails_to("lucia@VELARDE.example")] == ["count-2", "count-1"]
    assert mailbox.mails_to("") == mailbox.mails_to("velarde.example") == []
