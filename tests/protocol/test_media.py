"""What bodies and messages may hold, literally."""

import math

import msgpack  # type: ignore[import-untyped]  # the package brings no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import GatewayError, Kind
from protocol.media import (
    MAX_DEPTH,
    MAX_FORM_FIELDS,
    MAX_VALUES,
    JsonValue,
    decode_form,
    decode_json,
    decode_msgpack,
    decode_object,
    encode_json,
    encode_msgpack,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('ab,]}"\\ '), inner),
    max_leaves=20,
)


def refused(kind: object) -> str:
    """The sentence of an error, which must be of kind INVALID and quote nothing."""
    assert isinstance(kind, GatewayError)
    assert kind.kind is Kind.INVALID
    return kind.message


@given(VALUES)
def test_json_comes_back_as_it_was(value: JsonValue) -> None:
    """What is encoded is decoded to the same value, strictly and leniently."""
    assert decode_json(encode_json(value)) == value
    assert decode_json(encode_json(value).decode(), lenient=True) == value


@given(VALUES)
def test_msgpack_comes_back_as_it_was(value: JsonValue) -> None:
    """What is packed is unpacked to the same value."""
    assert decode_msgpack(encode_msgpack(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b"1e400",
        b'{"a": -1e999}',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"{'a': 1}",
        b"{} {}",
        b"[1,]",
        b'{"a": 1,}',
        b"[" * 100_000,
        b"1" * 5000,
        '"\ud800"',
    ],
)
def test_strict_json_refuses(text: bytes | str) -> None:
    """Everything that is not strict JSON is an invalid body."""
    with pytest.raises(GatewayError, match="the body is not JSON") as caught:
        decode_json(text)
    refused(caught.value)


def test_the_fault_is_placed() -> None:
    """The sentence says where the text stops being JSON."""
    with pytest.raises(GatewayError) as caught:
        decode_json('{"a": 1,\n "b" 2}')
    assert "line 2 column 6" in refused(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2 , ] , }', {"a": [1, 2]}),
        ('{"a": ",}", "b": "\\",]",}', {"a": ",}", "b": '",]'}),
        ("[1]", [1]),
    ],
)
def test_lenient_json_forgives_one_comma(text: str, value: JsonValue) -> None:
    """One comma before a closing bracket is forgiven, and none inside strings is touched."""
    assert decode_json(text, lenient=True) == value


@pytest.mark.parametrize(
    "text", ["[,]", "{,}", "[1,,]", "[1, ,]", '["a,', "[1,]]", "{'a': 1}", '"\\']
)
def test_lenient_json_forgives_nothing_else(text: str) -> None:
    """Other faults are refused as ever."""
    with pytest.raises(GatewayError, match="not JSON"):
        decode_json(text, lenient=True)


def test_nesting_is_bounded() -> None:
    """Nesting is taken up to the limit, in JSON and in msgpack."""
    deep: JsonValue = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert decode_json(encode_json(deep)) == deep
    for decode, data in (
        (decode_json, encode_json([deep])),
        (decode_msgpack, encode_msgpack({"a": deep})),
    ):
        with pytest.raises(GatewayError, match="deeper than 100 levels"):
            decode(data)


@pytest.mark.parametrize("text", ["[]", '"a"', "1", "null", "true"])
def test_an_object_is_an_object(text: str) -> None:
    """Where an object is asked for, no other value will do."""
    with pytest.raises(GatewayError, match="must be a JSON object"):
        decode_object(text)


def test_of_equal_keys_the_last_counts() -> None:
    """A repeated key has its last value."""
    assert decode_object('{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_goes_out_is_valid(value: float) -> None:
    """A number that JSON cannot say goes out as null."""
    assert encode_json({"a": value}) == b'{"a":null}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x01\x02",
        b"\x91",
        b"\xdd\xff\xff\xff\xff",
        b"\xa1\xff",
        b"\xa3\xed\xa0\x80",
        b"\x81\x01\x02",
        b"\x81\x90\x01",
    ],
)
def test_broken_msgpack_is_refused(data: bytes) -> None:
    """What is not one msgpack value is refused, also with announced sizes that cannot be true."""
    with pytest.raises(GatewayError, match="not valid msgpack") as caught:
        decode_msgpack(data)
    refused(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {b"key": 1},
        [math.nan],
        {"a": math.inf},
        msgpack.ExtType(1, b"x"),
        msgpack.Timestamp(1),
    ],
)
def test_msgpack_beyond_json_is_refused(value: object) -> None:
    """Values that JSON has no word for are refused."""
    with pytest.raises(GatewayError, match="what JSON cannot say"):
        decode_msgpack(msgpack.packb(value))


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (b"", {}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=1&a=2&&c", {"a": "1", "c": ""}),
        ("a+b=%C3%BC+x&%26=%3D", {"a b": "ü x", "&": "="}),
        ("a=ü", {"a": "ü"}),
    ],
)
def test_forms(form: bytes | str, fields: dict[str, str]) -> None:
    """Fields are decoded once, and of equal names the first counts."""
    assert decode_form(form) == fields


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        (b"a=\xff", "UTF-8"),
        ("a=%ff", "UTF-8"),
        ("a=\ud800", "UTF-8"),
        ("a=%4", "escape"),
        ("%zz=1", "escape"),
        ("a=%00", "NUL"),
        ("a&" * MAX_FORM_FIELDS, "more than 1000 fields"),
    ],
)
def test_broken_forms_are_refused(form: bytes | str, fault: str) -> None:
    """Broken escapes, text that is not UTF-8, NUL and floods of fields are refused."""
    with pytest.raises(GatewayError, match=fault) as caught:
        decode_form(form)
    refused(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"[]," * MAX_VALUES + b"[]]",
        b"[" + b"1," * MAX_VALUES + b"1]",
        b"{" + b'"a":{},' * MAX_VALUES + b'"a":1}',
        b"[" + b'"",' * (3 * MAX_VALUES) + b'""]',
        b"[" * (2 * MAX_VALUES),
    ],
)
def test_very_many_values_are_not_made(text: bytes) -> None:
    """Row D5: a body is refused by its width before there is a value for each of its commas."""
    with pytest.raises(GatewayError) as error:
        decode_json(text)
    assert error.value.kind is Kind.TOO_LARGE


def test_commas_in_texts_are_no_values() -> None:
    """Row D5: code may have as many as it likes, with quotes and backslashes before them."""
    code = ',"[{\\' * MAX_VALUES
    assert decode_json(encode_json({"code": code, "n": [1, 2]})) == {"code": code, "n": [1, 2]}


def test_very_many_values_of_a_message_are_not_made() -> None:
    """Row D5: nor of msgpack, whose lists say how long they are."""
    inner = encode_msgpack([0] * 1000)
    for data in (
        encode_msgpack([0] * (MAX_VALUES + 1)),
        b"\xdc\x03\xe8" + inner * 1000,
        b"\xdc\xff\xff" + b"\x80" * 0xFFFF + b"\xc0",
    ):
        with pytest.raises(GatewayError) as error:
            decode_msgpack(data)
        assert error.value.kind in {Kind.TOO_LARGE, Kind.INVALID}
