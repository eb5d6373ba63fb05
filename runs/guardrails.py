"""Typed contracts for what models say. Nothing a model wrote is seen by anything else before it passed one."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runs import canonical, errors, grounds

Contract = TypeVar("Contract", bound=BaseModel)

FEWEST_WORDS, MOST_WORDS = 40, 180
LONGEST_SUBJECT = 90
MOST_FAULTS = 5  # named in one refusal

_FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_STRAIGHT = str.maketrans({"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‑": "-"})
_ADDRESS = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+")
_HIDDEN_ADDRESS = re.compile(r"\b[\w.+-]+\s*[\[({]\s*at\s*[\])}]\s*[\w.-]+", re.IGNORECASE)
_LINK = re.compile(r"\b(?:[a-z][a-z0-9+.-]{1,15}://|mailto:|tel:|www\.)[^\s<>\"]+", re.IGNORECASE)
_ENDINGS = "com|net|org|io|co|ai|app|dev|eu|uk|de|fr|se|info|biz|example|xyz|ru|cn|top|link|shop|online|site|me|ly|gl"
_HOST = re.compile(rf"(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:{_ENDINGS})\b(?:/[^\s<>\"]*)?", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\{\{|\}\}|\{%|\$\{|%\(\w+\)s|%s\b|\{\w+\}|\bTODO\b|\bTBD\b|\bTBC\b|\bFIXME\b|\bXXX+\b|(?i:lorem ipsum)"
    r"|\[[^\]\n]{1,60}\]|<[^>\n@]{1,40}>|(?i:\b(?:insert|your) (?:name|company|title) here\b)|_{3,}"
)
_MARK_UP = re.compile(
    r"</?[a-z!][^>\n]*>|&(?:[a-z]{2,8}|#\d{1,6});|```|`[^`\n]+`|\*\*|__\w|~~|^\s*#{1,6}\s|^\s*\|.*\|\s*$|^\s*>\s"
    r"|!?\[[^\]\n]*\]\([^)\n]*\)|^\s*[-=*_]{4,}\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_MACHINE_TALK = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(?:instruction|prompt|rule|guideline|direction)s?\b"
    r"|\b(?:previous|prior|above|earlier|system|hidden|developer)\s+(?:instruction|prompt)s?\b"
    r"|\bas an? (?:ai|language model|assistant)\b|\blanguage model\b|\byou are now\b|\bjailbreak|\bdeveloper mode\b"
    r"|\bi (?:cannot|can't|am unable to) (?:help|assist|comply|write)\b|^\s*(?:system|assistant|user)\s*:"
    r"|</?(?:data|untrusted|instructions?)\b|\b(?:begin|end) of (?:data|instructions?)\b",
    re.IGNORECASE | re.MULTILINE,
)
_DESTRUCTIVE = re.compile(
    r"\brm\s+-\w*[rf]|\b(?:drop|truncate)\s+(?:table|database|schema)\b|\bdelete\s+from\s+\w+|\bmkfs\b|\bsudo\s+\w+"
    r"|\b(?:curl|wget)\b[^\n]*\|\s*\w*sh\b"
    r"|\b(?:delete|erase|destroy|wipe|purge|shut down)\s+(?:all|every|your|the)\s+(?:\w+\s+)?"
    r"(?:account|backup|customer|data|database|file|record|server|system)s?\b"
    r"|\b(?:your|the)\s+(?:password|pin|card number|bank details|credentials)\b|\bwire (?:the )?(?:money|funds)\b",
    re.IGNORECASE,
)
_TITLES = {"dr", "prof", "mr", "mrs", "ms", "the"}


class Claim(BaseModel):
    """Words of a mail that state something about the reader, and the source that carries them."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field(min_length=3, max_length=500)
    source: str = Field(min_length=1, max_length=120)


class Letter(BaseModel):
    """A mail that may be shown to people and, once they agree, sent."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(max_length=1000)
    text: str = Field(max_length=50_000)
    claims: list[Claim] = Field(default=[], max_length=20)


def through(contract: type[Contract], said: str) -> Contract:
    """What a model said, as the contract's type; one code fence around it all is taken off.

    Raises `BrokenContract` with the field and the reason.
    """
    fenced = _FENCED.match(said)
    try:
        value: Any = canonical.parse(fenced[1] if fenced else said)
    except canonical.Refused as error:
        raise errors.BrokenContract(f"The model's answer is not JSON that can be trusted: {error}") from None
    try:
        return contract.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise errors.BrokenContract(f"The model's answer breaks its contract at {where}: {first['msg']}.") from None


def letter(
    said: str,
    *,
    to: str,
    sources: Mapping[str, str],
    most_words: int = MOST_WORDS,
    name: str = "",
    home: str = "northwind.example",
) -> Letter:
    """A model's answer as a mail to `to` ("ada@x.example" or "Ada Osei <ada@x.example>") that rests on `sources` alone.

    Mended: line ends, trailing and doubled blanks, typographic quotes, full-width forms. Refused: all that would change
    what is said. Raises `BrokenContract`; its message names up to five things and what to do about each, for the next try.
    `name` is who must be greeted (otherwise the name in `to`, or in the source "lead"); `home` is our own domain.
    """
    raw = through(Letter, said)
    hidden = list(_hidden(raw.subject + "\n" + raw.text))
    if hidden:
        raise errors.BrokenContract(" ".join(hidden))
    mail = Letter(
        subject=_mended(raw.subject).strip(),
        text=_mended(raw.text).strip(),
        claims=[Claim(text=_mended(claim.text).strip() or "-", source=claim.source) for claim in raw.claims],
    )
    called, address = parseaddr(to)
    faults = [
        *_shape(mail, min(most_words, MOST_WORDS)),
        *_greeting(mail.text, name or called, sources.get("lead", "")),
        *_contents(mail),
        *_doors(mail, address.lower(), home, sources),
        *_claims(mail, sources),
    ]
    if faults:
        raise errors.BrokenContract(" ".join(dict.fromkeys(faults[:MOST_FAULTS])))
    return mail


def instructs(text: str) -> bool:
    """Whether `text` speaks to a model rather than to a person, or asks for destruction. A sign, not a proof."""
    mended = unicodedata.normalize("NFKC", text)
    return bool(_MACHINE_TALK.search(mended) or _DESTRUCTIVE.search(mended) or next(_hidden(text), ""))


def _mended(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_STRAIGHT)
    lines = [re.sub(r"[ \t]+", " ", line).rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _hidden(text: str) -> Iterator[str]:
    """Characters that show nothing, turn the reading order, or stand in for letters of another script."""
    for char in text:
        if unicodedata.category(char) in ("Cf", "Cc", "Co", "Cn") and char not in "\n\r\t":
            yield f"The text holds the hidden character U+{ord(char):04X}. Write it in plain characters."
            return
    for word in re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", text)):
        scripts = {unicodedata.name(char, "?").split()[0] for char in word} & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN"}
        if len(scripts) > 1:
            yield f"The word “{word[:40]}” mixes letters of several scripts. Write it in one."
            return


def _shape(mail: Letter, most_words: int) -> Iterator[str]:
    words = len(mail.text.split())
    if not 3 <= len(mail.subject) <= LONGEST_SUBJECT or "\n" in mail.subject:
        yield f"The subject must be one line of 3 to {LONGEST_SUBJECT} characters; this one has {len(mail.subject)}."
    if mail.text[:1] in ("{", "["):
        yield "The text is data, not a mail. Write sentences to a person."
    if words < FEWEST_WORDS:
        yield f"The mail has {words} words; write at least {FEWEST_WORDS}."
    if words > most_words:
        yield f"The mail has {words} words; cut it to {most_words} or fewer."
    elif len(mail.text) > 14 * most_words:
        yield f"The mail has {len(mail.text)} characters; cut it to {14 * most_words} or fewer."


def _greeting(text: str, person: str, lead: str) -> Iterator[str]:
    """The first line names the person: any part of the name, since cultures order and shorten names in their own way."""
    first = grounds.plain(text.split("\n", 1)[0])
    greeted = set(re.findall(r"[^\W\d_]+", first))
    named = person or re.sub(r"\b(\w|dr|prof|mr|mrs|ms)\.", r"\1", lead, flags=re.IGNORECASE).split(".", 1)[0]
    given = grounds.plain(unicodedata.normalize("NFKC", named))
    if len(first.split()) > 8 or not greeted & (set(re.findall(r"[^\W\d_]+", given)) - _TITLES):
        wanted = person or "the person this mail goes to"
        yield f"The first line must be a greeting that names {wanted}, such as “Dear {wanted},”."


def _contents(mail: Letter) -> Iterator[str]:
    whole = f"{mail.subject}\n{mail.text}"
    if found := _MACHINE_TALK.search(whole):
        yield f"“{_short(found[0])}” speaks to a machine, not to the reader. Leave out what sources tell you to do."
    if found := _DESTRUCTIVE.search(whole):
        yield f"“{_short(found[0])}” has no place in a sales mail. Leave it out."
    if found := _MARK_UP.search(whole):
        yield f"“{_short(found[0])}” is mark-up. Write plain text."
    elif found := _PLACEHOLDER.search(whole):
        yield f"“{_short(found[0])}” is a placeholder. Write the real words or leave it out."


def _doors(mail: Letter, to: str, home: str, sources: Mapping[str, str]) -> Iterator[str]:
    """Addresses and links: none but the reader's own address, our domain, and what a source itself names."""
    whole = f"{mail.subject}\n{mail.text}"
    told = grounds.plain(" ".join(sources.values()))
    for found in [*_ADDRESS.findall(whole), *_HIDDEN_ADDRESS.findall(whole)]:
        if found.strip(".,'!?").lower() != to:
            yield f"The mail names the address “{_short(found)}”. It may name no address but {to}."
    rest = _ADDRESS.sub(" ", whole)
    for link in _LINK.findall(rest):
        address = link.rstrip(".,;:!?)'")
        if not _ours(address, home) and not _stands(address, told):
            yield f"The link “{_short(address)}” is neither ours nor a source's. Leave it out."
    own = {home, to.rpartition("@")[2]}
    for host in _HOST.findall(_LINK.sub(" ", rest)):
        bare = host.lower().rstrip(".,;:!?)'/")
        if not any(bare == name or bare.endswith("." + name) for name in own) and not _stands(bare, told):
            yield f"The address “{_short(host)}” is neither ours nor a source's. Leave it out."


def _ours(link: str, home: str) -> bool:
    parts = urlsplit(link if "://" in link else f"https://{link}")
    host = (parts.hostname or "").lower()
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and (host == home or host.endswith("." + home))


def _stands(address: str, told: str) -> bool:
    """Whether a source names exactly this address, not merely one that begins or ends alike."""
    return re.search(rf"(?<![\w.@/-]){re.escape(address.casefold())}(?![\w/?#=&%@-]|\.\w)", told) is not None


def _claims(mail: Letter, sources: Mapping[str, str]) -> Iterator[str]:
    covered: list[tuple[int, int]] = []
    for claim in mail.claims:
        pattern = r"\s+".join(re.escape(word) for word in claim.text.split())
        spans = [match.span() for match in re.finditer(pattern, mail.text, re.IGNORECASE)]
        if claim.source not in sources:
            known = ", ".join(sorted(sources)) or "none was read"
            yield f"The claim “{_short(claim.text)}” names the source “{_short(claim.source)}”. Sources: {known}."
        elif not spans:
            yield f"The claim “{_short(claim.text)}” does not stand in the mail. Copy its words from the mail."
        elif lacking := grounds.missing(claim.text, _mended(sources[claim.source]), sources.get("lead", "")):
            yield f"The source {claim.source} does not carry {lacking} of the claim “{_short(claim.text)}”. Say what it says."
        else:
            covered += spans
    yield from _uncovered(mail, covered, " ".join(map(_mended, sources.values())))


def _uncovered(mail: Letter, covered: list[tuple[int, int]], told: str) -> Iterator[str]:
    """Numbers and quotes that no claim vouches for."""
    stated = grounds.numbers(_LINK.sub(lambda link: " " * len(link[0]), mail.text))
    held = set()
    for number in stated:
        if any(start <= number.start and number.end <= end for start, end in covered):
            held.add(number.value)
        else:
            sentence = _sentence(mail.text, number.start)
            yield f"No claim covers the number “{number.words}” in “{_short(sentence)}”. Name its source or leave it out."
    for number in grounds.numbers(mail.subject):
        if number.value not in held:
            yield f"No claim covers the number “{number.words}” of the subject. Leave it out."
    for quote in grounds.quotes(mail.text):
        if grounds.plain(quote) not in grounds.plain(told):
            yield f"No source says “{_short(quote)}”. Quote only what stands in a source."


def _sentence(text: str, place: int) -> str:
    begin = max(text.rfind(end, 0, place) for end in (". ", "! ", "? ", "\n")) + 1
    end = re.search(r"[.!?](?=\s|$)|\n", text[place:])
    return text[begin : place + end.end() if end else len(text)].strip()


def _short(words: str) -> str:
    one_line = " ".join(words.split())
    return one_line if len(one_line) <= 80 else one_line[:77] + "..."
