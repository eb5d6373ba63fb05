"""What cannot be shown plainly: characters nobody sees, text that turns around, letters that look like others. Pure."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
HIDDEN = set("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u034f\u180e\u115f\u1160\u3164\uffa0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of text of one kind. All segments joined are the original text, always."""

    text: str
    kind: str  # plain, hidden, bidi, tag, control, space, lookalike, private
    code: str = ""  # U+200B
    name: str = ""  # zero width space


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    segments: tuple[Segment, ...]
    warnings: tuple[str, ...]

    @property
    def plain(self) -> bool:
        return not self.warnings


def inspect(text: str, label: str = "Text") -> Shown:
    """`text` in segments, with a sentence for each part that cannot be shown plainly."""
    if text.isascii() and all(char.isprintable() or char in "\n\t" for char in text):
        return Shown(segments=(Segment(text=text, kind="plain"),) if text else (), warnings=())
    strange = _lookalikes(text)
    segments: list[Segment] = []
    warnings: list[str] = []
    for place, char in enumerate(text):
        kind = "lookalike" if place in strange else _kind(char)
        if kind == "plain":
            if segments and segments[-1].kind == "plain":
                segments[-1] = Segment(text=segments[-1].text + char, kind="plain")
            else:
                segments.append(Segment(text=char, kind="plain"))
            continue
        code, name = f"U+{ord(char):04X}", unicodedata.name(char, "unnamed character").lower()
        segments.append(Segment(text=char, kind=kind, code=code, name=name))
        warnings.append(f"{label}, character {place + 1}: {code} {name}. {_WHAT[kind]}")
    return Shown(segments=tuple(segments), warnings=tuple(warnings))


_WHAT = {
    "hidden": "It changes nothing you can see.",
    "bidi": "It turns the direction of the text around it.",
    "tag": "It is invisible and can carry words.",
    "control": "It is a control character.",
    "space": "It is no ordinary space.",
    "lookalike": "It is a letter of another script within the word.",
    "private": "Nobody knows what it looks like.",
}


def _kind(char: str) -> str:
    if char in BIDI:
        return "bidi"
    if char in HIDDEN or 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF:
        return "hidden"
    if 0xE0000 <= ord(char) <= 0xE007F:
        return "tag"
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp") and char not in "\n\t":
        return "control"
    if category in ("Co", "Cn", "Cs"):
        return "private"
    if category == "Cf":
        return "hidden"
    return "space" if category == "Zs" and char != " " else "plain"


def _lookalikes(text: str) -> set[int]:
    """Places of letters whose script differs from the main one of their word."""
    found: set[int] = set()
    for word in _words(text):
        scripts = {place: _script(text[place]) for place in word if text[place].isalpha()}
        kinds = set(scripts.values())
        if len(kinds) > 1 and kinds & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}:
            main = "LATIN" if "LATIN" in kinds else max(kinds, key=list(scripts.values()).count)
            found |= {place for place, script in scripts.items() if script != main}
    return found


def _words(text: str) -> Iterator[list[int]]:
    word: list[int] = []
    for place, char in enumerate(text):
        if char.isalnum() or char in "-_." or _kind(char) in ("hidden", "bidi"):
            word.append(place)
        elif word:
            yield word
            word = []
    if word:
        yield word


def _script(char: str) -> str:
    return unicodedata.name(char, "UNKNOWN").split()[0]
