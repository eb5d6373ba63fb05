"""What cannot be shown plainly: characters nobody sees, text that turns around, letters that look like others. Pure."""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
# Format characters (category Cf) are hidden too; these are letters, marks and symbols that draw nothing.
HIDDEN = set("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0")
CONTROLS = {"\0": "null", "\b": "backspace", "\r": "carriage return", "\x1b": "escape", "\x7f": "delete"}

# Letters that most fonts draw as a Latin one, in pairs.
_PAIRS = (
    "аaеeоoрpсcхxуyіiјjѕsԛqԝwһhԁdӏlАAВBЕEКKМMНHОOРPСCТTУYХXІIЈJЅSԚQԜWҮYӀlԌG"  # Cyrillic
    "αaοoνvρpιiκkυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXϳjϹCϲc"  # Greek
    "օoսuցgհhոnՕOՍUքf"  # Armenian
    "ᎪAᏴBᏟCᎠDᎬEᏀGᎻHᎥiᎫJᏦKᏞLᎷMᏢPᏒRᏚSᎢTᏙVᏔWᏃZ"  # Cherokee
)
LATIN_TWIN = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))

# First words of the names of letters that belong to no script, or stand among Latin letters as a matter of course:
# Japanese, Chinese and Korean texts put Latin words among their own without a space.
_ANY = {
    "MICRO",
    "OHM",
    "KELVIN",
    "ANGSTROM",
    "FEMININE",
    "MASCULINE",
    "MODIFIER",
    "SUPERSCRIPT",
    "SUBSCRIPT",
    "DOUBLE-STRUCK",
}
_EAST = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of plain text, or one character of another kind. All segments joined are the original text, always."""

    text: str
    kind: str  # plain, hidden, bidi, tag, control, space, lookalike, private (also unassigned)
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
    kinds = [_kind(char) for char in text]
    strange = _lookalikes(text, kinds)
    for place in strange:
        kinds[place] = "lookalike"
    segments: list[Segment] = []
    warnings: list[str] = []
    for kind, places in itertools.groupby(range(len(text)), kinds.__getitem__):
        if kind == "plain":
            first, *rest = places
            segments.append(Segment(text=text[first : first + 1 + len(rest)], kind="plain"))
            continue
        for place in places:
            segment = Segment(text=text[place], kind=kind, code=f"U+{ord(text[place]):04X}", name=_name(text[place]))
            segments.append(segment)
            warnings.append(f"{label}, {_sentence(segment, place + 1, strange.get(place, ''))}")
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


def _sentence(segment: Segment, place: int, twin: str) -> str:
    if twin:
        script = segment.name.split()[0].capitalize()
        return f"letter {place}: {segment.text} is {script} {segment.code}, not the Latin {twin}."
    return f"character {place}: {segment.code} {segment.name}. {_WHAT[segment.kind]}"


def _name(char: str) -> str:
    return CONTROLS.get(char) or unicodedata.name(char, "unnamed character").lower()


def _kind(char: str) -> str:
    if char.isascii() and (char.isprintable() or char in "\n\t"):
        return "plain"
    if char in BIDI:
        return "bidi"
    if char in HIDDEN or 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF:
        return "hidden"
    if 0xE0000 <= ord(char) <= 0xE007F:
        return "tag"
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp"):
        return "control"
    if category in ("Co", "Cn", "Cs"):
        return "private"
    if category == "Cf":
        return "hidden"
    return "space" if category == "Zs" else "plain"


def _lookalikes(text: str, kinds: list[str]) -> dict[int, str]:
    """Places of letters that pass for Latin ones, with the Latin letter where it is known.

    A letter is meant when its word also holds another script, when it is a styled copy of a Latin one, and when
    its whole word could be Latin while the text holds Latin letters and none that only the other script has.
    Every other word of one script alone is as it should be, whatever its letters look like.
    """
    found: dict[int, str] = {}
    letters = [char for place, char in enumerate(text) if kinds[place] == "plain" and char.isalpha()]
    latin = any(_script(char) == "LATIN" for char in letters)
    distinct = {_script(char) for char in letters if char not in LATIN_TWIN}
    for word in _words(text, kinds):
        scripts = {place: _script(text[place]) for place in word if kinds[place] == "plain" and text[place].isalpha()}
        scripts = {place: script for place, script in scripts.items() if script not in _ANY}
        names = list(scripts.values())
        mixed = len({"EAST" if name in _EAST else name for name in names} - {"EAST", "STYLED"}) > 1
        posing = latin and len(names) > 1 and not mixed and not distinct & set(names)
        main = "LATIN" if posing or "LATIN" in names else max(sorted(set(names)), key=names.count, default="")
        for place, script in scripts.items():
            if script == "STYLED":
                found[place] = unicodedata.normalize("NFKC", text[place])
            elif (mixed or posing) and script != main and script not in _EAST:
                found[place] = LATIN_TWIN.get(text[place], "")
    return found


def _words(text: str, kinds: list[str]) -> Iterator[list[int]]:
    """Places of each word. What nobody sees, and marks upon letters, part no word."""
    word: list[int] = []
    for place, char in enumerate(text):
        unseen = kinds[place] in ("hidden", "bidi", "tag")
        if unseen or char.isalnum() or char in "-_." or unicodedata.category(char)[0] == "M":
            word.append(place)
        elif word:
            yield word
            word = []
    if word:
        yield word


def _script(char: str) -> str:
    """The first word of its name; STYLED for copies of Latin letters such as mathematical bold or full width."""
    first = unicodedata.name(char, "UNKNOWN").split()[0]
    if first in ("MATHEMATICAL", "FULLWIDTH") and re.fullmatch("[A-Za-z]", unicodedata.normalize("NFKC", char)):
        return "STYLED"
    return first
