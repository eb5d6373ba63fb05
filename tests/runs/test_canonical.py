"""Canonical bytes: one value has one text, and what two programs could read in two ways is refused with its place."""

import hashlib
import json
import struct
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runs import canonical

# RFC 8785, Appendix B: the 64 bits of a double and its text. Whole numbers between 2^53 and 10^21 stand further
# down, since this product refuses them: a reader that takes them for integers reads another number.
APPENDIX_B = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
}
PAST_2_53 = ["4340000000000001", "4430000000000000", "444b1ae4d6e2ef4e", "444b1ae4d6e2ef4f"]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not (2**53 < abs(number) < 1e21)
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def double(bits: str) -> float:
    return struct.unpack(">d", bytes.fromhex(bits))[0]


def refusal(call, value) -> canonical.Refused:
    with pytest.raises(canonical.Refused) as caught:
        call(value)
    assert caught.value.path.isascii()
    assert str(caught.value).endswith("."), "the message is a sentence"
    return caught.value


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize("bits", APPENDIX_B)
def test_a_number_is_written_as_in_appendix_b(bits):
    assert canonical.encode(double(bits)).decode() == APPENDIX_B[bits]


@pytest.mark.parametrize("bits", PAST_2_53)
def test_a_whole_double_past_two_to_the_53_is_refused(bits):
    assert refusal(canonical.encode, double(bits)).code == "integer_too_large"


def test_the_sample_of_section_3_2_is_written_as_there():
    sample = (
        r'{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        r'"string": "\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}'
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    )
    assert canonical.encode(canonical.parse(sample)).decode() == expected


def test_keys_are_sorted_by_their_utf_16_units_as_in_section_3_2_3():
    value = dict.fromkeys(["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"], 0)
    assert list(json.loads(canonical.encode(value))) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


def test_only_what_must_be_escaped_is():
    assert canonical.encode('\b\t\n\f\r"\\/\x1f\x7f\u2028é').decode() == '"\\b\\t\\n\\f\\r\\"\\\\/\\u001f\x7f\u2028é"'


@given(values)
@example({"b": 1, "a": [1.0, -0.0, 1e21]})
def test_what_is_written_reads_as_the_same_value(value):
    assert canonical.parse(canonical.encode(value)) == value


@given(values)
def test_writing_what_was_read_changes_no_byte(value):
    raw = canonical.encode(value)
    assert canonical.encode(canonical.parse(raw)) == raw


@given(values, st.booleans())
def test_spaces_and_escapes_of_the_sender_change_no_byte(value, ascii_only):
    sent = json.dumps(value, indent=2, ensure_ascii=ascii_only)
    assert canonical.encode(canonical.parse(sent)) == canonical.encode(value)


@given(st.dictionaries(texts, values, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_no_byte(value, random):
    keys = list(value)
    random.shuffle(keys)
    assert canonical.encode({key: value[key] for key in keys}) == canonical.encode(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_refused_or_reads_back_to_its_last_bit(number):
    if 2**53 < abs(number) < 1e21 and number.is_integer():
        assert refusal(canonical.encode, number).code == "integer_too_large"
    else:
        assert float(canonical.encode(number)) == number


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        ({"items": [0, 1, 2, {"note": float("nan")}]}, "not_finite", "$.items[3].note"),
        ([float("inf")], "not_finite", "$[0]"),
        ({"a": -float("inf")}, "not_finite", "$.a"),
        ({"amount": 2**53 + 1}, "integer_too_large", "$.amount"),
        ({"amount": -(2**53) - 1}, "integer_too_large", "$.amount"),
        ({"note": "a\ud800b"}, "lone_surrogate", "$.note"),
        ({"\udc00": 1}, "lone_surrogate", '$["\\udc00"]'),
        ({"note": "a\0b"}, "nul", "$.note"),
        ({"a b": "\0"}, "nul", '$["a b"]'),
        ({"a": {1: "x"}}, "key_not_text", "$.a"),
        ({"when": {1, 2}}, "not_json", "$.when"),
        ([b"bytes"], "not_json", "$[0]"),
        (nested(33), "too_deep", "$" + "[0]" * 32),
        ("x" * 256 * 1024, "too_large", "$"),
    ],
)
def test_what_has_no_canonical_bytes_is_refused_with_its_place(value, code, path):
    found = refusal(canonical.encode, value)
    assert (found.code, found.path) == (code, path)


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ('{"a": 1, "a": 1}', "duplicate_key", "$.a"),
        ('{"items": [{}, {"x": 1, "\\u0078": 2}]}', "duplicate_key", "$.items[1].x"),
        ('{"a": NaN}', "not_finite", "$.a"),
        ("[1, Infinity]", "not_finite", "$[1]"),
        ("[-Infinity]", "not_finite", "$[0]"),
        ('{"n": 1e400}', "not_finite", "$.n"),
        ('{"n": 9007199254740993}', "integer_too_large", "$.n"),
        ('{"n": -' + "9" * 5000 + "}", "integer_too_large", "$.n"),
        ('{"n": "\\ud800"}', "lone_surrogate", "$.n"),
        ('{"n": "\\u0000"}', "nul", "$.n"),
        ("[" * 33 + "]" * 33, "too_deep", "$" + "[0]" * 32),
        ("[" * 100_000, "too_deep", "$"),
        ('["' + "é" * 140_000 + '"]', "too_large", "$"),
        (" " * 300_000 + "1", "too_large", "$"),
        (b'"\xff"', "not_utf8", "$"),
        ("{'a': 1}", "not_json", "$"),
        ("", "not_json", "$"),
        ("1 2", "not_json", "$"),
        ("\ufeff1", "not_json", "$"),
    ],
    ids=lambda given: str(given)[:24],
)
def test_a_text_that_could_be_read_in_two_ways_is_refused_with_its_place(text, code, path):
    found = refusal(canonical.parse, text)
    assert (found.code, found.path) == (code, path)


def test_what_grows_past_the_limit_by_being_written_plainly_is_refused_when_read():
    assert refusal(canonical.parse, "[" + ",".join(["9e15"] * 52_000) + "]").code == "too_large"


def test_the_limits_themselves_are_allowed():
    for value in (2**53, -(2**53), nested(32), "x" * (256 * 1024 - 2)):
        assert canonical.parse(canonical.encode(value)) == value


def test_a_long_key_is_shortened_in_the_place():
    assert len(refusal(canonical.encode, {"k" * 5000: "\0"}).path) < 80


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_text_at_all_is_read_or_refused(raw):
    try:
        value = canonical.parse(raw)
    except canonical.Refused:
        return
    assert canonical.parse(canonical.encode(value)) == value


def test_a_payload_hash_is_what_a_client_computes():
    raw = canonical.encode({"order": "NW-48213", "amount_minor": 24800})
    assert raw == b'{"amount_minor":24800,"order":"NW-48213"}'
    assert canonical.payload_hash(raw) == hashlib.sha256(raw).hexdigest()


BOUND = {
    "payload_hash": "ab" * 32,
    "tool": "refund",
    "tool_version": 1,
    "tenant": uuid.UUID(int=1),
    "requester": "agent",
    "action": uuid.UUID(int=2),
}
OTHER = {
    "payload_hash": "ac" * 32,
    "tool": "mail",
    "tool_version": 2,
    "tenant": uuid.UUID(int=3),
    "requester": "7",
    "action": uuid.UUID(int=4),
}


def test_a_digest_is_the_hash_of_exactly_what_it_binds():
    bound = {**BOUND, "v": 1, "tenant": str(BOUND["tenant"]), "action": str(BOUND["action"])}
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"))
    assert canonical.digest(**BOUND) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("part", BOUND)
def test_a_digest_changes_with_each_part(part):
    assert canonical.digest(**{**BOUND, part: OTHER[part]}) != canonical.digest(**BOUND)


def test_a_fingerprint_is_sixteen_digits_in_groups_of_four():
    assert canonical.fingerprint("0123456789abcdef" * 4) == "0123 4567 89ab cdef"
