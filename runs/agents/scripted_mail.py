"""Sales mails by rule: one reason to write taken from what was read, an offer, a question, and no more."""

import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any

from runs import guardrails

FEWEST, MOST = 60, 140  # words of a mail
_TITLES = {"dr", "prof", "mr", "mrs", "ms"}
_SIGNED = "Maya Lindqvist\nNorthwind Outdoor"
_TOPICS = (
    {"funding", "funded", "fund", "raised", "raise", "round", "investment", "investor", "investors", "series"},
    {"news", "press", "article", "articles", "story", "quote"},
    {"employees", "employee", "headcount", "size", "staff", "numbers", "figures"},
    {"founded", "founding", "age", "history"},
    {"layoffs", "layoff", "redundancies", "dismissals", "cuts"},
)
_LEAVE_OUT = re.compile(
    r"(?:do not|don't|dont|never|stop|please not|not to|avoid|without|no)\s+(?:\w+ing\s+)?(?:mention|refer to|talk about|use"
    r"|quote|name|bring up|write about)?(?:ing)?\b([^.;,!?]*)|(?:leave out|drop|remove|omit|cut out|skip)\b([^.;,!?]*)",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"(?<!not )(?<!n't )\b(?:mention|use|quote|write about|refer to|focus on)\b([^.;,!?]*)", re.IGNORECASE
)
_WRONG = re.compile(
    r"\b(?:wrong|untrue|false|incorrect|outdated|old news|confidential|not true|not public)\b", re.IGNORECASE
)
_SHORTER = re.compile(r"\b(?:short|shorter|shorten|brief|briefer|too long|cut it|fewer words|concise)\b", re.IGNORECASE)
_FORMAL = re.compile(r"\b(?:more formal|formal|politer|more polite|too casual|too familiar)\b", re.IGNORECASE)
_CASUAL = re.compile(r"\b(?:less formal|too formal|too stiff|casual|friendlier|warmer|more personal)\b", re.IGNORECASE)
_SMALL_WORDS = set(
    re.findall(r"\w+", "the a an of to in on it is that this their his her any and or so at all about them our")
)

_PRESS = (
    "I came across the news about {who}: {it}.",
    "Reading about {who}, one line stayed with me: {it}.",
    "The press had this about {who}: {it}.",
)
_AFTER_NEWS = (
    "Moments like that tend to bring new faces, new sites and a long list of things people need on their first day.",
    "In our experience that is when somebody asks who looks after jackets, boots and bags for the people on site.",
    "When a company moves like that, the kit its people wear is often the last thing anybody has time for.",
)
_AFTER_FACT = (
    "Teams like yours often buy their outdoor clothing in small lots, from several shops, and pay for it in time.",
    "Around a team like that, jackets and boots are a small line in the budget and a surprisingly large one in e-mails.",
    "With people to dress for every kind of weather, somebody usually ends up doing the ordering on the side.",
)
_OFFER = (
    "At Northwind Outdoor we fit out whole teams: one person to talk to, clothing that we repair rather than replace,"
    " and sizes kept on file so that an order takes minutes.",
    "Northwind Outdoor supplies jackets, boots and rucksacks to teams who work outside. We keep your sizes, mend what"
    " wears out and take back what nobody uses.",
    "We are Northwind Outdoor, and we look after clothing for people who work in the weather: fitted once, repaired for"
    " as long as it can be, and ordered again in a few clicks.",
)
_ASK = (
    "Would a short call next week be of use? If somebody else looks after this, I would be glad of the name.",
    "May I send you a sample for one of your teams to try? A one-line answer is plenty.",
    "Could we speak for a quarter of an hour next week? A plain no is a fine answer too.",
)
_ROLE = (
    "As {role} you will know better than I do whether this is worth your time.",
    "I write to you because this usually ends on the desk of whoever is {role}.",
    "You may well see this differently as {role}, and I would like to hear it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hook:
    """A reason to write: a sentence, and the words of it that a source carries."""

    sentence: str
    claim: str
    source: str
    subject: str
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What reviewers asked for so far."""

    avoid: frozenset[str]
    want: frozenset[str]
    short: bool
    tone: str  # formal, casual or plain


def write_outreach(facts: dict[str, Any]) -> dict[str, Any]:
    lead, wish = facts["lead"], _wish(facts.get("refused") or [])
    turn = _turn(facts)
    hook = _chosen(_hooks(facts, turn), wish, turn)
    who = _company(lead)
    again = "We have written to you before, so I will keep this to the point. " if facts.get("earlier") else ""
    offer, ask = _pick(_OFFER, turn), _pick(_ASK, turn + 1)
    opening = again + (hook.sentence if hook else f"I have been thinking about what we could do for {who}.")
    bridge = _pick(hook.after if hook else _AFTER_FACT, turn)
    role = str(lead.get("role") or "")
    aside = _pick(_ROLE, turn).format(role=role) if role and _sayable(role) and not re.search(r"\d", role) else ""
    parts = [opening, offer, ask] if wish.short else [f"{opening} {bridge}", offer, f"{aside} {ask}".strip()]
    subject = hook.subject if hook else f"An idea for {who}"
    claims = [{"text": hook.claim, "source": hook.source}] if hook else []
    return _mail(lead, wish, subject, parts, [*claims, *_own_name(lead, subject, parts)], spare=[bridge, aside])


def write_follow_up(facts: dict[str, Any]) -> dict[str, Any]:
    lead, wish, turn = facts["lead"], _wish(facts.get("refused") or []), _turn(facts)
    subject = re.sub(r"^(?:re:\s*)+", "", str(facts["first"]["subject"]), flags=re.IGNORECASE)
    named = _sayable(subject) and '"' not in subject
    when = _ago(facts.get("days") or 0)
    about = f', with the subject "{subject}",' if named else ""
    opening = _pick(
        (
            f"I wrote to you {when}{about} and have not heard back, which is quite all right: inboxes are full.",
            f"My mail of {when}{about} may have drowned. Allow me one short reminder before I leave you in peace.",
            f"I come back once, and only once, to what I sent you {when}{about} since it may have come at a busy time.",
        ),
        turn,
    )
    middle = _pick(
        (
            f"The thought behind it was simple: one supplier for what people at {_company(lead)} wear outside, with repairs"
            " instead of replacements.",
            f"In one sentence: we would like to take the ordering and mending of outdoor clothing off the hands of"
            f" {_company(lead)}.",
        ),
        turn,
    )
    ask = _pick(
        (
            "If it is of interest, a reply with a good day for a call is enough. If it is not, a single word will do and"
            " I will not write again.",
            "Is this worth a short conversation? If not, or if it belongs on another desk, tell me in a line and I shall"
            " leave it there.",
        ),
        turn,
    )
    parts = [opening, ask] if wish.short else [opening, middle, ask]
    claims = [{"text": subject, "source": "memory"}] if named else []
    return _mail(lead, wish, f"Re: {subject}", parts, [*claims, *_own_name(lead, "", parts)], spare=[middle])


def _hooks(facts: dict[str, Any], turn: int) -> list[_Hook]:
    who, found = _company(facts["lead"]), []
    for place, article in enumerate(facts.get("articles") or []):
        if line := _line(article):
            sentence = _pick(_PRESS, turn + place).format(who=who, it=line)
            subject = f"{who}, and an idea after the news" if (turn + place) % 2 else f"After the news about {who}"
            source = f"press:{article['id']}"
            found.append(_Hook(sentence=sentence, claim=line, source=source, subject=subject, after=_AFTER_NEWS))
    company = facts.get("company") or {}
    city, employees, founded = (company.get(name) for name in ("city", "employees", "founded"))
    common = partial(_Hook, source="register", after=_AFTER_FACT)
    if employees and city and _sayable(city):
        claim = f"{employees} employees in {city}"
        subject = f"Outdoor clothing for your people in {city}"
        found.append(common(sentence=f"The register lists {who} with {claim}.", claim=claim, subject=subject))
    elif employees:
        claim = f"{employees} employees"
        subject = f"An idea for everybody at {who}"
        found.append(common(sentence=f"The register lists {who} with {claim}.", claim=claim, subject=subject))
    if (purpose := str(company.get("purpose") or "").strip().rstrip(".")) and _quotable(purpose):
        sentence = f'The register says in its own words what {who} is there for: "{purpose}".'
        found.append(common(sentence=sentence, claim=purpose, subject=f"An idea for {who}"))
    if founded:
        claim = f"founded in {founded}"
        sentence = f"A company {claim} has seen every kind of weather, and so have its people."
        found.append(common(sentence=sentence, claim=claim, subject=f"A thought for {who}"))
    return found


def _chosen(hooks: list[_Hook], wish: _Wish, turn: int) -> _Hook | None:
    """The first hook that reviewers did not rule out; one they asked for before all others."""
    left = [hook for hook in hooks if not _touches(hook, wish.avoid)]
    wanted = [hook for hook in left if wish.want and _touches(hook, wish.want)]
    return next(iter(wanted or left), None)


def _touches(hook: _Hook, words: frozenset[str]) -> bool:
    kind = {"news", "press", "article"} if hook.source.startswith("press:") else {"register"}
    told = {word[:6] for word in re.findall(r"[^\W_]+", hook.claim.lower())} | kind
    digits = {"numbers", "figures"} if re.search(r"\d", hook.claim) else set()
    return any(word[:6] in told or word in digits for word in words)


def _wish(reasons: list[str]) -> _Wish:
    said = " . ".join(map(str, reasons)).replace("’", "'")
    out = [first or second for first, second in _LEAVE_OUT.findall(said)]
    out += [reason for reason in map(str, reasons) if _WRONG.search(reason)]
    tone = "casual" if _CASUAL.search(said) else "formal" if _FORMAL.search(said) else "plain"
    avoid, want = _terms(out), _terms(_WANTED.findall(said))
    return _Wish(avoid=avoid, want=want - avoid, short=bool(_SHORTER.search(said)), tone=tone)


def _terms(phrases: list[str]) -> frozenset[str]:
    words = {word for phrase in phrases for word in re.findall(r"[^\W_]+", phrase.lower())} - _SMALL_WORDS
    return frozenset(words.union(*(topic for topic in _TOPICS if topic & words)))


def _line(article: dict[str, Any]) -> str:
    """One sentence of an article that can be quoted as it stands; articles come from outside, and some speak to machines."""
    excerpt, title = str(article.get("excerpt") or ""), str(article.get("title") or "")
    if guardrails.instructs(f"{title}\n{excerpt}"):
        return ""
    sentences = [*re.split(r"(?<=[.!?])\s+", excerpt), title]
    fit = (sentence.strip().rstrip(".") for sentence in sentences)
    return next((sentence for sentence in fit if len(sentence.split()) >= 3 and _quotable(sentence)), "")


def _quotable(words: str) -> bool:
    """Words that read the same in a plain mail: ordinary letters and signs, no address, nothing for a machine."""
    return len(words.split()) <= 30 and len(words) <= 240 and _sayable(words, most=240)


def _sayable(words: str, most: int = 70) -> bool:
    plain = re.fullmatch(r"[^\W_][\w &'’.,:;()/+%€$£–-]*", words) is not None and "__" not in words
    readable = unicodedata.normalize("NFKC", words) == words and len(words) <= most
    address = re.search(r"://|\bwww\.|\w\.[^\W\d_]|\b(?:TODO|TBD|TBC|FIXME|XXX)\b", words)
    return plain and readable and address is None and not guardrails.instructs(words)


def _company(lead: dict[str, Any]) -> str:
    name = " ".join(str(lead["company"]).split())
    return name if _sayable(name, most=50) and len(name.split()) <= 6 and len(name) > 2 else "your company"


def _own_name(lead: dict[str, Any], subject: str, parts: list[str]) -> list[dict[str, str]]:
    """A company called after a number: the lead is the source of its name."""
    name = _company(lead)
    return [{"text": name, "source": "lead"}] if re.search(r"\d", name) and name in " ".join([subject, *parts]) else []


def _mail(
    lead: dict[str, Any], wish: _Wish, subject: str, parts: list[str], claims: list[dict[str, str]], spare: list[str]
) -> dict[str, Any]:
    names = [part for part in str(lead["person"]).split() if part.strip(".").lower() not in _TITLES] or ["there"]
    greeting = {"formal": f"Dear {' '.join(names)},", "casual": f"Hi {names[0]},"}.get(wish.tone, f"Hello {names[0]},")
    close = {"formal": "Yours sincerely", "casual": "All the best"}.get(wish.tone, "Kind regards")
    body = list(parts)
    for extra in spare:
        if extra and extra not in " ".join(body) and len(" ".join(body).split()) + 9 < FEWEST:
            body.insert(-1, extra)
    while len(" ".join(body).split()) > MOST - 12 and len(body) > 2:
        body.pop(1)
    text = "\n\n".join([greeting, *body, f"{close}\n{_SIGNED}"])
    short = subject if len(subject) <= guardrails.LONGEST_SUBJECT else "An idea for your team"
    return {"subject": short, "text": text, "claims": [claim for claim in claims if claim["text"] in text]}


def _ago(days: int) -> str:
    spelt = (
        "",
        "yesterday",
        "two days ago",
        "three days ago",
        "four days ago",
        "five days ago",
        "six days ago",
        "a week ago",
    )
    return spelt[days] if 0 < days < len(spelt) else "some time ago"


def _turn(facts: dict[str, Any]) -> int:
    """The same for the same lead, another after each refusal."""
    return zlib.crc32(str(facts["lead"].get("email", "")).encode()) % 97 + len(facts.get("refused") or [])


def _pick(options: tuple[str, ...], turn: int) -> str:
    return options[turn % len(options)]
