"""What a sentence states that can be checked: its numbers, its names, its quotes, and whether a source says the same."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_SCALES = {"hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "mn": 10**6, "m": 10**6}
_SCALES |= {"billion": 10**9, "bn": 10**9, "b": 10**9}
_CURRENCIES = {"€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "dollar": "USD", "dollars": "USD"}
_CURRENCIES |= {"£": "GBP", "pound": "GBP", "pounds": "GBP", "¥": "JPY"}
_CURRENCY = r"[€£$¥]|\b(?:EUR|GBP|USD|SEK|NOK|DKK|CHF|JPY)\b"
_AFTER = rf"{_CURRENCY}|\b(?:euros?|dollars?|pounds?)\b"
_SCALE = r"hundred|thousand|million|billion|mn|bn|[kmb]"
_PERCENT = r"%|\bper\s?cent\b"

_DIGITS = re.compile(
    rf"(?P<money>{_CURRENCY})?\s?(?<![A-Za-z_\d])(?P<digits>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:[.,]\d+)?)"
    rf"(?:\s?(?P<scale>{_SCALE})\b)?(?:st\b|nd\b|rd\b|th\b)?\s?(?P<percent>{_PERCENT})?(?:\s?(?P<after>{_AFTER}))?",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![\w])[A-Za-z_]+\d[\w]*")
_EVERYDAY_CODES = {"b2b", "b2c", "b2b2c", "co2", "a4", "h2o"}

_SPELT_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_SPELT_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS = {word: value for value, word in enumerate(_SPELT_UNITS.split())}
_TENS = {word: 10 * value for value, word in enumerate(_SPELT_TENS.split(), 2)}
_WORD = "|".join((*_UNITS, *_TENS, "hundred", "thousand", "million", "billion"))
_SPELT = re.compile(rf"\b(?:{_WORD})(?:(?:[-\s]|\sand\s)(?:{_WORD}))*\b(?:\s(?P<percent>{_PERCENT}))?", re.IGNORECASE)
_COUNTED = re.compile(
    r"\s+(?:\w+\s)?(?:employees|people|staff|customers|clients|countries|sites|offices|plants|mills|stores|shops)\b",
    re.IGNORECASE,
)

_YEAR = "January February March April May June July August September October November December"
_MONTHS = _YEAR.split()
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_ORDINARY = (  # words that begin sentences and name nobody
    "a an the i i'm i've we you your yours you've you're our it its this that these those there they their and or but so if"
    " in on at to of for from with by as about after before since while when where which who how what now just last next new"
    " news is are was were has have had having will would could can both each more most not no only also already opening"
    " opened growing congratulations"
)
_EMPTY = (  # words that say nothing about anybody
    "about after also because been before being between both could does each from have having here into just like made make"
    " more most much only other over same should some such than that their them then there these they this those very want"
    " well were what when where which while will with would your yours company recently article news read"
)
_ORDINARY_WORDS, _EMPTY_WORDS = frozenset(_ORDINARY.split()), frozenset(_EMPTY.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number as it stands in a text."""

    words: str
    value: str  # the same for "1,200", "1.2k" and "1200"; "40%" is another than "40"
    money: str  # "EUR", or "" when it is not said to be money
    start: int
    end: int


def numbers(text: str, *, every: bool = False) -> list[Number]:
    """Each number in `text` by its place; with `every`, also spelt ones that count nothing ("two of us")."""
    found = [_digits(match) for match in _DIGITS.finditer(text)]
    found += [_code(match) for match in _CODE.finditer(text) if match[0].lower() not in _EVERYDAY_CODES]
    found += [_spelt(match) for match in _SPELT.finditer(text) if every or _counts(match, text)]
    return sorted(found, key=lambda number: number.start)


def missing(claim: str, source: str, known: str = "") -> str:
    """What `claim` says that `source` does not, for people; "" when the source carries it. Names in `known` may be used."""
    dated = source + " " + " ".join(_MONTHS[int(month) - 1] for _, month, _ in _dates(source))
    for number in numbers(claim):
        alike = [other for other in numbers(source, every=True) if other.value == number.value]
        if not any(number.money in ("", other.money) for other in alike):
            return f"the number “{number.words}”"
    for quote in quotes(claim):
        if plain(quote) not in plain(source):
            return f"the quoted words “{quote}”"
    told = set(_words(dated)) | set(_words(known))
    for name in _names(claim):
        if name.casefold() not in told:
            return f"the name “{name}”"
    return "" if _word_for_word(claim, source) or _same_matter(claim, dated) else "what it says"


def _word_for_word(claim: str, source: str) -> bool:
    return re.search(rf"(?<![\w.,]){re.escape(plain(claim))}(?!\w)", plain(source)) is not None


def quotes(text: str) -> list[str]:
    """What stands in double quotes."""
    return [quote.strip(" .,;:!?") for quote in re.findall(r"\"([^\"\n]{2,300})\"", text)]


def plain(text: str) -> str:
    """For comparing: one space between words, straight quotes, no capitals."""
    straight = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-"})
    return " ".join(straight.split()).casefold()


def _digits(match: re.Match[str]) -> Number:
    raw = match["digits"]
    digits = raw.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", raw) else raw.replace(",", ".")
    value = Decimal(digits) * _SCALES.get((match["scale"] or "").lower(), 1)
    currency = (match["money"] or match["after"] or "").lower()
    return Number(
        words=match[0].strip(),
        value=_key(value, percent=match["percent"] is not None),
        money=_CURRENCIES.get(currency, currency.upper()),
        start=match.start("money" if match["money"] else "digits"),
        end=match.start() + len(match[0].rstrip()),
    )


def _code(match: re.Match[str]) -> Number:
    return Number(words=match[0], value=match[0].casefold(), money="", start=match.start(), end=match.end())


def _spelt(match: re.Match[str]) -> Number:
    total = part = 0
    for word in re.findall(r"[a-z]+", match[0].lower()):
        if word in _UNITS or word in _TENS:
            part += _UNITS.get(word, 0) or _TENS.get(word, 0)
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in _SCALES:
            total, part = total + (part or 1) * _SCALES[word], 0
    value = _key(Decimal(total + part), percent=match["percent"] is not None)
    return Number(words=match[0], value=value, money="", start=match.start(), end=match.end())


def _counts(match: re.Match[str], text: str) -> bool:
    """Whether a spelt number states something: a share, a large number, or so many of a thing. "Two ideas" does not."""
    large = re.search(r"[a-z][-\s](?:and\s)?(?:hundred|thousand|million|billion)", match[0], re.IGNORECASE)
    return bool(match["percent"] or large or _COUNTED.match(text, match.end()))


def _key(value: Decimal, *, percent: bool) -> str:
    return f"{value.normalize():f}{'%' if percent else ''}"


def _dates(text: str) -> Iterator[tuple[str, str, str]]:
    return ((y, m, d) for y, m, d in _ISO_DATE.findall(text) if 1 <= int(m) <= 12)


def _names(text: str) -> list[str]:
    found = [_bare(word) for word in re.findall(r"(?<!\w)[^\W\d_][\w'’&-]*", text) if word[0].isupper()]
    return [name for name in found if name and name.casefold() not in _ORDINARY_WORDS]


def _words(text: str) -> list[str]:
    return [_bare(word).casefold() for word in re.findall(r"[^\W_][\w'’&-]*", text)]


def _bare(word: str) -> str:
    return re.sub(r"['’]s$", "", word).strip("'’-&")


def _same_matter(claim: str, source: str) -> bool:
    """Whether they share two words that carry meaning (or all there are), compared by their beginnings."""
    said = {
        word[:5]
        for word in _words(_SPELT.sub(" ", claim))
        if len(word) > 3 and word not in _EMPTY_WORDS and not word.isdigit()
    }
    if not said:
        return bool(numbers(claim) or _names(claim))
    told = {word[:5] for word in _words(source)}
    return len(said & told) >= min(2, len(said))
