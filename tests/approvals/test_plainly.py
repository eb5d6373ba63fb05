"""What cannot be shown plainly: found, named and placed, without changing or losing a character of the text."""

import itertools
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from approvals import plainly

STRANGE = st.sampled_from(
    "\u200b\u200d\u00ad\ufe0f\ufeff\u202e\u2066\u200f\U000e0041\x00\x1b\x85\u00a0\u2003\ue000оaаα日ＡB -.\n"
)


def kinds(text: str) -> list[tuple[str, str]]:
    return [(part.text, part.kind) for part in plainly.inspect(text).segments if part.kind != "plain"]


def one(text: str) -> plainly.Segment:
    (found,) = [part for part in plainly.inspect(text).segments if part.kind != "plain"]
    return found


@given(st.text(st.characters() | STRANGE, max_size=60) | st.text(STRANGE, max_size=30))
@example("\ud800")
@example("")
def test_what_is_shown_joined_is_the_text_itself(text):
    assert "".join(part.text for part in plainly.inspect(text).segments) == text


@given(st.text(st.characters() | STRANGE, max_size=60))
def test_each_part_that_is_not_plain_is_one_named_character_with_one_warning(text):
    shown = plainly.inspect(text)
    strange = [part for part in shown.segments if part.kind != "plain"]
    assert len(strange) == len(shown.warnings)
    for part in strange:
        assert part.kind in ("hidden", "bidi", "tag", "control", "space", "lookalike", "private")
        assert part.code == f"U+{ord(part.text):04X}"
        assert part.name


@given(st.text(st.characters() | STRANGE, max_size=60))
def test_plain_parts_never_touch_and_hold_nothing_unseen(text):
    parts = plainly.inspect(text).segments
    assert all((a.kind, b.kind) != ("plain", "plain") for a, b in itertools.pairwise(parts))
    plain = "".join(part.text for part in parts if part.kind == "plain")
    assert not [c for c in plain if c not in "\n\t" and unicodedata.category(c)[0] == "C"]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\n\t")))
def test_printable_ascii_is_always_plain(text):
    assert plainly.inspect(text).plain


@pytest.mark.parametrize(
    ("char", "kind", "name"),
    [
        ("\u200b", "hidden", "zero width space"),
        ("\u200d", "hidden", "zero width joiner"),
        ("\u00ad", "hidden", "soft hyphen"),
        ("\ufe0f", "hidden", "variation selector-16"),
        ("\U000e0101", "hidden", "variation selector-18"),
        ("\ufeff", "hidden", "zero width no-break space"),
        ("\u3164", "hidden", "hangul filler"),
        ("\u2800", "hidden", "braille pattern blank"),
        ("\u202e", "bidi", "right-to-left override"),
        ("\u2066", "bidi", "left-to-right isolate"),
        ("\u200f", "bidi", "right-to-left mark"),
        ("\U000e0041", "tag", "tag latin capital letter a"),
        ("\U000e0000", "tag", "unnamed character"),
        ("\x1b", "control", "escape"),
        ("\r", "control", "carriage return"),
        ("\x85", "control", "unnamed character"),
        ("\u2028", "control", "line separator"),
        ("\u00a0", "space", "no-break space"),
        ("\u3000", "space", "ideographic space"),
        ("\ue000", "private", "unnamed character"),
        ("\U0005ffff", "private", "unnamed character"),
    ],
)
def test_a_character_that_nobody_sees_is_named(char, kind, name):
    found = one(f"pay{char}ment")
    assert (found.text, found.kind, found.name) == (char, kind, name)


def test_a_warning_says_where_and_what():
    assert plainly.inspect("Refund of 12\u200b0", "Subject").warnings == (
        "Subject, character 13: U+200B zero width space. It changes nothing you can see.",
    )


def test_a_lookalike_is_named_beside_the_letter_it_passes_for():
    assert plainly.inspect("Northwind support@paypаl.com", "From").warnings == (
        "From, letter 23: а is Cyrillic U+0430, not the Latin a.",
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("micrоsoft", "о"),
        ("Αpple", "Α"),
        ("a\u0301pр", "р"),  # a mark upon a letter parts no word
        ("pa\u200bура", "ура"),  # nor does what nobody sees
        ("go\u3164оd", "о"),
        ("рaypal-сlub", "рс"),
        ("my соре", "соре"),  # a whole word that could be Latin, in a text that is
        ("𝐩ay", "𝐩"),
        ("Ｐay now", "Ｐ"),
    ],
)
def test_letters_that_pass_for_latin_ones_are_found(text, found):
    assert "".join(part for part, kind in kinds(text) if kind == "lookalike") == found


@pytest.mark.parametrize(
    "text",
    [
        "Добрый день, сор и соре",
        "Hello, это нормально: сор",
        "Καλημέρα κόσμε",
        "Zoë Dvořák, naïve café, Łódź, ﬁne",
        "Cafe\u0301 au lait",
        "株式会社ABCのTシャツ",
        "한국어 LG전자",
        "שלום עולם",
        "مرحبا ١٢٣",
        "5 µs, 3 k\u2126, 20 °C, Mª, Hawaiʻi",
        "an angle α of 30°",
        "£248.00 – “tents” … → 🙂",
    ],
)
def test_ordinary_text_of_any_language_is_plain(text):
    assert kinds(text) == []


def test_a_long_text_stays_one_part():
    text = "é" + "x" * 250_000
    assert [len(part.text) for part in plainly.inspect(text).segments] == [250_001]
