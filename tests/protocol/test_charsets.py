"""Character sets of files: what is named, what a mark says, and what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.charsets import CHARSETS, charset_of, decoded, encoded
from protocol.errors import GatewayError, Kind


@pytest.mark.parametrize(
    ("data", "name", "text"),
    [
        (b"a", "", "a"),
        ("\ufeffé".encode(), "", "é"),
        ("\ufeffé".encode(), "UTF8", "é"),
        ("é".encode("utf-16"), "", "é"),
        (b"\xfe\xff\x00a", "utf-16", "a"),
        ("é".encode("utf-16-le"), "utf-16LE", "é"),
        ("汉".encode("gbk"), "gb2312", "汉"),
        (b"\xe9", "latin1", "é"),
        (b"\xef\xbb\xbfa", "iso-8859-1", "ï»¿a"),
        (b"", "", ""),
    ],
)
def test_row_b3_what_is_named_is_read(data: bytes, name: str, text: str) -> None:
    """Row B3: a file is read in the character set that is named, or that its mark names."""
    assert decoded(data, charset_of(name)) == text


def test_row_b3_what_is_wrong_is_said() -> None:
    """Row B3: the refusal says what it is not, which byte, where, and what to do."""
    with pytest.raises(GatewayError) as error:
        decoded("ok\nécho 汉".encode("gbk"))
    assert (error.value.kind, error.value.field) == (Kind.INVALID, "charset")
    for word in ("not UTF-8", "0xa8", "offset 3", "line 2", "gbk"):
        assert word in error.value.message
    with pytest.raises(GatewayError):
        charset_of("rot13")
    with pytest.raises(GatewayError, match=r"ASCII has no U\+00E9.*line 2"):
        encoded("a\né", charset_of("us-ascii"))


@given(st.text(), st.sampled_from(sorted(CHARSETS)))
def test_row_b3_what_was_saved_is_opened_again(text: str, name: str) -> None:
    """Row B3: whatever can be saved in a character set comes back from it letter by letter."""
    codec = charset_of(name)
    try:
        data = encoded(text, codec)
    except GatewayError:
        return
    assert decoded(data, codec).removeprefix("\ufeff") == text.removeprefix("\ufeff")
