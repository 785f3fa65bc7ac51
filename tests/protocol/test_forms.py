"""Forms: every value of a name, small multipart bodies, and the objects that names spell."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import GatewayError, Kind
from protocol.forms import FormFile, FormValues, nested, read_form
from protocol.media import JsonObject, decode_pairs

BOUNDARY = "multipart/form-data; boundary=xyz"


def values(text: str) -> FormValues:
    """The fields of a query."""
    return FormValues(decode_pairs(text))


def test_fields_keep_their_order_and_all_their_values() -> None:
    """As a mapping the first value counts; all are there to be asked for."""
    found = values("a=1&b=2&a=3&c")
    assert dict(found) == {"a": "1", "b": "2", "c": ""}
    assert found.all("a") == ("1", "3")
    assert found.all("z") == ()
    assert found.pairs == (("a", "1"), ("b", "2"), ("a", "3"), ("c", ""))
    assert (len(found), "a" in found, found.get("z", "-")) == (3, True, "-")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[b]=1&a[c][d]=2", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("a[][b]=1&a[][c]=2&a[][b]=3", {"a": [{"b": "1", "c": "2"}, {"b": "3"}]}),
        ("a[b][]=1&a[b][]=2", {"a": {"b": ["1", "2"]}}),
        ("a[0]=x&a[1]=y", {"a": {"0": "x", "1": "y"}}),
        ("", {}),
    ],
)
def test_names_spell_objects(text: str, value: JsonObject) -> None:
    """Brackets are keys, empty ones lists, and a name that comes again is a list as well."""
    assert nested(values(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "a=1&a[b]=2",
        "a[b]=1&a=2",
        "a[]=1&a[b]=2",
        "a[b]=1&a[]=2",
        "a[b]=1&a[b]=2",
        "a[b]=1&a[b][c]=2",
        "[a]=1",
        "a[=1",
        "a]b=1",
        "a[b]c=1",
        "a" + "[b]" * 9 + "=1",
    ],
)
def test_names_that_contradict_are_refused(text: str) -> None:
    """Two fields that cannot both be are refused, as is a name nobody can read."""
    with pytest.raises(GatewayError) as error:
        nested(values(text))
    assert error.value.kind is Kind.INVALID


def test_a_small_form_is_read_whole() -> None:
    """Fields and files of a multipart body, and the same of an urlencoded one."""
    body = (
        b'preamble\r\n--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\ntwo\r\n'
        b'--xyz\r\ncontent-disposition: form-data; name="f"; filename="x.sh"\r\n'
        b"Content-Type: text/x-sh\r\n\r\n\x00\xff\r\n--xyz--\r\nepilogue"
    )
    form = read_form(body, BOUNDARY)
    assert form.values.pairs == (("a", "one\r\ntwo"),)
    assert form.files == (FormFile("f", "x.sh", "text/x-sh", b"\x00\xff"),)
    assert read_form(body, 'multipart/form-data; charset=x; boundary="xyz"') == form
    plain = read_form(b"a=1&a=2", "application/x-www-form-urlencoded; charset=utf-8")
    assert plain.values.all("a") == ("1", "2")


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (b"a=1", "text/plain", Kind.UNSUPPORTED),
        (b"a=1", "", Kind.UNSUPPORTED),
        (b"--xyz--", "multipart/form-data", Kind.INVALID),
        (b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\nx", BOUNDARY, Kind.INVALID),
        (b"--xyz\r\n\r\nx\r\n--xyz--", BOUNDARY, Kind.INVALID),
        (b"nothing", BOUNDARY, Kind.INVALID),
        (b"", BOUNDARY, Kind.INVALID),
        (b"a=%zz", "application/x-www-form-urlencoded", Kind.INVALID),
        (
            b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--xyz--',
            BOUNDARY,
            Kind.INVALID,
        ),
        (b"--xyz\r\n" * 2000, BOUNDARY, Kind.INVALID),
    ],
)
def test_broken_forms_are_refused(body: bytes, content_type: str, kind: Kind) -> None:
    """A form that is cut, malformed, too long or none at all."""
    with pytest.raises(GatewayError) as error:
        read_form(body, content_type)
    assert error.value.kind is kind


@given(st.binary(max_size=120), st.sampled_from([BOUNDARY, "application/x-www-form-urlencoded"]))
def test_any_body_is_understood_or_refused(body: bytes, content_type: str) -> None:
    """No body raises anything but a refusal."""
    with suppress(GatewayError):
        nested(read_form(body.replace(b"Q", b"\r\n--xyz"), content_type).values)
