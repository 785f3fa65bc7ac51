"""Forms of files, taken apart whatever pieces they arrive in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.forms import Began, Form
from protocol.errors import GatewayError, Kind

BODY = (
    b"--edge\r\n"
    b'Content-Disposition: form-data; name="note"\r\n\r\n'
    b"not a file\r\n"
    b"--edge\r\n"
    b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\n"
    b"first\r\n--edg not the edge\r\n"
    b"\r\n--edge\r\n"
    b'content-disposition: form-data; name=other; filename="\xc3\xa9;\\"x\\".bin"\r\n\r\n'
    b"\x00\xff\r\n"
    b"--edge\r\n"
    b'Content-Disposition: form-data; name="file"\r\n\r\n'
    b"\r\n"
    b"--edge--\r\nepilogue"
)
FILES = [
    ("a.txt", b"first\r\n--edg not the edge\r\n"),
    ('\u00e9;"x".bin', b"\x00\xff"),
    ("", b""),
]


def files(*pieces: bytes) -> list[tuple[str, bytes]]:
    """The names and contents of the files in a body that comes in pieces."""
    form = Form("edge")
    found: list[tuple[str, bytes]] = []
    for piece in pieces:
        for event in form.feed(piece):
            if isinstance(event, Began):
                found.append((event.name, b""))
            else:
                name, data = found[-1]
                found[-1] = (name, data + event.data)
    form.finish()
    return found


@given(st.lists(st.integers(0, len(BODY))))
def test_files_are_the_same_in_any_pieces(cuts: list[int]) -> None:
    """Names and contents do not depend on where the network cuts the body."""
    places = sorted({0, len(BODY), *cuts})
    pieces = [BODY[start:end] for start, end in itertools.pairwise(places)]
    assert files(*pieces) == FILES


def test_a_large_file_comes_in_small_events() -> None:
    """No event holds more than a bounded piece of the body."""
    form = Form("edge")
    head = b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    sizes = [
        len(event.data)
        for event in form.feed(head + b"x" * 1_000_000)
        if not isinstance(event, Began)
    ]
    assert sum(sizes) > 999_900
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form",
        b"--edge--\r\n",
        BODY[:-20],
        b'--edge\r\nContent-Disposition: form-data; name="note"\r\n\r\nx\r\n--edge--\r\n',
        b"--edge\r\nBad Header\r\n\r\n\r\n--edge--\r\n",
        b"--edge\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(100)) + b"\r\n",
        b"--edge\r\nX: " + b"y" * 100_000,
    ],
)
def test_what_is_no_form_of_files_is_refused(body: bytes) -> None:
    """Cut, empty, malformed or excessive forms are invalid."""
    with pytest.raises(GatewayError) as error:
        files(body)
    assert error.value.kind is Kind.INVALID


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_refused(tail: bytes) -> None:
    """No body raises anything but a refusal."""
    for body in (tail, b"--edge\r\n" + tail, BODY[:40] + tail + BODY[60:]):
        try:
            files(body)
        except GatewayError:
            continue
