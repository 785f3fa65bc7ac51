"""YAML in and out: what the core schema says, and what is refused before it costs anything."""

import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.errors import GatewayError, Kind
from protocol.media import JsonValue
from protocol.yaml_document import MAX_YAML_BYTES, decode_yaml, encode_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 'y', \"z\\n\"]\n", {"a": 1, "b": ["x", "y", "z\n"]}),
        ("a: |\n  one\n  two\nb: >-\n  one\n  two\n", {"a": "one\ntwo\n", "b": "one two"}),
        ("- yes\n- no\n- on\n- y\n", ["yes", "no", "on", "y"]),
        ("[true, False, TRUE, null, ~, '', '~']", [True, False, True, None, None, "", "~"]),
        ("[010, 0o17, 0x1F, -3, +4, 1_000, 1:30]", [10, 15, 31, -3, 4, "1_000", "1:30"]),
        ("[1.5, .5, 1., 1e3, -2E-1, 1.2.3]", [1.5, 0.5, 1.0, 1000.0, -0.2, "1.2.3"]),
        ("[2021-01-01, 12:00:00]", ["2021-01-01", "12:00:00"]),
        ("[18446744073709551615, 18446744073709551616]", [2**64 - 1, float(2**64)]),
        ("1: a\ntrue: b\nnull: c\n", {"1": "a", "true": "b", "null": "c"}),
        (
            "a: &x [1, 2]\nb: *x\nc: &s text\n*s : d\n",
            {
                "a": [1, 2],
                "b": [1, 2],
                "c": "text",
                "text": "d",
            },
        ),
        ("<<: {a: 1}\n", {"<<": {"a": 1}}),
        ("", None),
        ("---\n", None),
        ("\ufeffa: 1", {"a": 1}),
        ("%YAML 1.2\n---\na: \u00fc\n...\n", {"a": "\u00fc"}),
        ('{"json": [1, {"is": "yaml"}]}', {"json": [1, {"is": "yaml"}]}),
    ],
)
def test_what_a_document_means(text: str, value: JsonValue) -> None:
    """By the core schema of YAML 1.2, also where older readers took a word for something else."""
    found = decode_yaml(text.encode())
    assert found == value
    assert str(found) == str(value)  # a boolean is no number


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("!!python/object/apply:os.system ['true']", "tag"),
        ("a: !!binary aGk=", "tag"),
        ("!custom {a: 1}", "tag"),
        ("a: 1\na: 2", "repeated"),
        ("? [a]\n: 1", "key is not a scalar"),
        ("{[a]: 1}", "key is not a scalar"),
        ("a: *nothing", "alias"),
        ("&a [*a]", "alias"),
        ("a: &x {b: *x}", "alias"),
        (".nan", "finite"),
        ("[-.inf]", "finite"),
        ("1e400", "finite"),
        ("9" * 400, "finite"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("a: [1", "cannot be read"),
        ("a: b: c", "cannot be read"),
        ("\ta: 1", "cannot be read"),
        ("a: \x01", "cannot be read"),
        ("[" * 65 + "]" * 65, "nested deeper"),
        ("[" * 100_000, "nested deeper|cannot be read"),
        ("- " * 1000 + "a", "nested deeper"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    """Whatever JSON cannot say or nobody should be made to read, with the reason."""
    with pytest.raises(GatewayError, match=why) as error:
        decode_yaml(text)
    assert error.value.kind is Kind.INVALID


def test_bytes_that_are_no_text_are_refused() -> None:
    """YAML comes in UTF-8."""
    for data in (b"a: \xff", "a: 1".encode("utf-16")):
        with pytest.raises(GatewayError) as error:
            decode_yaml(data)
        assert error.value.kind is Kind.INVALID


@pytest.mark.parametrize(
    "text",
    [
        "x" * (MAX_YAML_BYTES + 1),
        "[" + "a," * 30_000 + "]",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n"
            for n in range(9)
        ),
        f"a: &a {'x' * 100_000}\nb: [{','.join(['*a'] * 100)}]",
    ],
    ids=["long", "many", "laughs", "long text often"],
)
def test_what_would_be_too_much_is_refused_at_once(text: str) -> None:
    """Size, number and what aliases multiply are bounded before anything of it is built."""
    began = time.process_time()
    with pytest.raises(GatewayError) as error:
        decode_yaml(text)
    assert error.value.kind is Kind.TOO_LARGE
    assert time.process_time() - began < 2


@given(VALUES)
@example(1e16)
@example([1.5e300, 1e-7, -2e22])
def test_what_goes_out_comes_back(value: JsonValue) -> None:
    """A value is the same again, for us and for a reader of YAML 1.1."""
    written = encode_yaml(value)
    assert decode_yaml(written) == value
    assert yaml.safe_load(written) == value


def test_what_goes_out_is_in_block_style() -> None:
    """As people write it; a text that would be read as something else is quoted."""
    value: JsonValue = {
        "job": {"id": 1, "tags": ["a b", "yes", ""], "none": [], "where": None},
        "list": [{"a": 1, "b": [2]}, [3, "4"]],
    }
    assert encode_yaml(value).decode() == (
        'job:\n  id: 1\n  tags:\n    - a b\n    - "yes"\n    - ""\n  none: []\n  where: null\n'
        'list:\n  - a: 1\n    b:\n      - 2\n  - - 3\n    - "4"\n'
    )


@given(st.text(max_size=60) | st.text("[]{}:,&*!|>-?'\"#% \na1~", max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """No document raises anything but a refusal."""
    with suppress(GatewayError):
        encode_yaml(decode_yaml(text))
