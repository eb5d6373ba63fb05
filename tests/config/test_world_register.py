"""The register and the press: what an agent can read about a company, and what both remember of being asked."""

import re
from urllib.parse import urlsplit

import httpx
import pytest

from config.world import companies
from tests.config import world_process

DOMAINS = sorted({person["domain"] for person in companies.people()})
WAYS = {"register": "/companies/{}", "press": "/articles?domain={}"}


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    with (
        world_process.running("register", tmp_path_factory.mktemp("register")) as register,
        world_process.running("press", tmp_path_factory.mktemp("press")) as press,
    ):
        yield {"register": register, "press": press}


@pytest.fixture(params=WAYS)
def asked(request, processes):
    """A program of the two, and how to ask it about a domain."""
    program = processes[request.param]
    yield program, lambda domain, web=program.web: web.get(WAYS[request.param].format(domain))
    program.web.delete("/faults")


def entry(program, domain):
    found = program.web.get("/entries").json()["entries"]
    return next((entry["received"], entry["answered"]) for entry in found if entry["asked"] == domain)


def test_the_register_tells_the_facts_of_a_company(processes):
    assert processes["register"].web.get("/companies/brightloom.example").json() == {
        "domain": "brightloom.example",
        "name": "Brightloom Textiles",
        "country": "United Kingdom",
        "city": "Leeds",
        "industry": "Textile manufacturing",
        "employees": 340,
        "founded": 1998,
        "purpose": "Weaves technical fabrics for outdoor clothing",
    }


def test_a_domain_may_be_written_in_capitals(processes):
    assert processes["register"].web.get("/companies/BrightLoom.EXAMPLE").json()["domain"] == "brightloom.example"
    assert processes["press"].web.get("/articles?domain=BrightLoom.EXAMPLE").json()["articles"]


@pytest.mark.parametrize("domain", [companies.stranger()["domain"], "brightloom.com", "..", "%00", "a" * 300])
def test_a_company_that_is_in_no_register_is_not_found(processes, domain):
    answer = processes["register"].web.get(f"/companies/x{domain}")
    assert (answer.status_code, answer.json()) == (404, {"error": "no_such_company"})


def test_there_is_somebody_to_write_to_whom_neither_knows(processes):
    domain = companies.stranger()["domain"]
    assert processes["register"].web.get(f"/companies/{domain}").status_code == 404
    assert processes["press"].web.get(f"/articles?domain={domain}").json() == {"articles": []}


def test_the_press_tells_the_newest_article_first(processes):
    articles = processes["press"].web.get("/articles?domain=kestrelfreight.example").json()["articles"]
    assert [article["id"] for article in articles] == ["kf-3", "kf-2", "kf-1"]
    assert articles[0] == {
        "id": "kf-3",
        "title": "Electric lorries",
        "published": "2026-10-05",
        "excerpt": "Kestrel Freight ordered 25 electric lorries for its routes around Cork.",
        "url": "https://press.example/kf-3",
    }


def test_a_company_that_nobody_wrote_about_has_an_empty_list(processes):
    assert processes["press"].web.get("/articles?domain=pinebarrow.example").json() == {"articles": []}


@pytest.mark.parametrize("query", ["", "?domain=", "?domain=%20"])
def test_the_press_wants_to_know_about_whom(processes, query):
    answer = processes["press"].web.get(f"/articles{query}")
    assert (answer.status_code, answer.json()) == (422, {"error": "no_domain"})


def test_the_catalogue_has_companies_with_people_and_one_without_press():
    assert len(DOMAINS) >= 8
    assert [domain for domain in DOMAINS if not companies.articles(domain)] == ["pinebarrow.example"]
    for person in companies.people():
        assert re.fullmatch(r"[a-z.]+@[a-z]+\.example", person["email"])
        assert all(person.values())


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_told_of_a_company_can_be_quoted(domain):
    told = companies.articles(domain)
    assert [article["published"] for article in told] == sorted((a["published"] for a in told), reverse=True)
    assert len({article["id"] for article in told}) == len(told) <= 3
    for article in told:
        assert re.search(r"\d", article["excerpt"]), article
        assert urlsplit(article["url"]).path == f"/{article['id']}"


def test_each_question_is_on_record_with_whether_it_was_answered(asked):
    program, ask = asked
    program.arm("unavailable", 2)
    for _ in range(3):
        ask("tidemark.example")
    assert entry(program, "tidemark.example") == (3, 1)


@pytest.mark.parametrize(
    ("mode", "status", "wait"),
    [("unavailable", 503, "1"), ("limited", 429, "1"), ("broken", 500, None), ("declined", 422, None)],
)
def test_a_fault_is_an_answer_that_is_no_fact(asked, mode, status, wait):
    program, ask = asked
    program.arm(mode)
    answer = ask("velarde.example")
    assert (answer.status_code, answer.json()) == (status, {"error": mode})
    assert answer.headers.get("retry-after") == wait
    assert ask("velarde.example").status_code == 200


def test_rubbish_is_no_json(asked):
    program, ask = asked
    program.arm("rubbish")
    with pytest.raises(ValueError, match="Expecting value"):
        ask("velarde.example").json()


def test_a_dropped_line_is_a_question_on_record_without_an_answer(asked):
    program, ask = asked
    program.arm("drop")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        ask("solvangenergi.example")
    assert entry(program, "solvangenergi.example") == (1, 0)


def test_a_slow_answer_outlasts_whoever_waits_and_holds_up_nobody_else(asked):
    program, ask = asked
    program.arm("timeout")
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=program.web.base_url, timeout=0.3) as hasty:
        ask("velarde.example", hasty)
    assert ask("velarde.example").status_code == 200


@pytest.mark.parametrize("name", WAYS)
def test_what_was_asked_outlives_a_kill(name, tmp_path):
    with world_process.running(name, tmp_path) as program:
        program.web.get(WAYS[name].format("harrowfen.example"))
        program.kill()
    with world_process.running(name, tmp_path) as program:
        assert entry(program, "harrowfen.example") == (1, 1)
