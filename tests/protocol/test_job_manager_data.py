"""The data manager of the job manager dialect: uploads, downloads, ranges, descriptions."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.commands.objects import DataObject, DeleteData, OpenData, OpenedData, StoreData
from protocol.dialects.job_manager import JobManagerDialect
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.routing import Found, Router
from tests.support.job_manager import (
    ANSWER,
    DIALECT,
    JOB,
    NOW,
    UNKNOWN,
    parsed,
    pieces,
    refusal,
    rendered,
    request,
    said,
)

STORED = DataObject(UNKNOWN, "in.dat", 5, "ab" * 32, 1_700_000_000_999)


@pytest.mark.parametrize(
    ("target", "headers", "name"),
    [
        ("/data", {}, ""),
        ("/data?name=in.dat", {"content-disposition": "attachment; filename=x"}, "in.dat"),
        ("/data", {"content-disposition": 'attachment; filename="a b.txt"'}, "a b.txt"),
        ("/data", {"content-disposition": "attachment; filename*=UTF-8''%C3%A9"}, "é"),
        ("/data", {"content-disposition": "attachment; filename*=wrong''%ff"}, "\ufffd"),
        ("/data", {"content-disposition": ";;;=\x00"}, ""),
        ("/data", {"content-type": "application/x-www-form-urlencoded"}, ""),
    ],
)
def test_a_plain_upload_has_a_name_or_none(target: str, headers: dict[str, str], name: str) -> None:
    """The name comes from the query, else from Content-Disposition."""
    asked = request("POST", target, headers=headers)
    assert asked.chunks is not None
    command = parsed(asked)
    assert isinstance(command, StoreData)
    assert command.chunks is asked.chunks
    assert command.boundary == ""
    assert command.name.replace("ÿ", "\ufffd") == name


@pytest.mark.parametrize(
    "header", ["multipart/form-data; boundary=a-b", 'Multipart/Form-Data; boundary="a-b"']
)
def test_a_form_of_files_has_a_boundary(header: str) -> None:
    """The boundary of a multipart body is handed on, quoted or not."""
    command = parsed(request("POST", "/data", headers={"content-type": header}))
    assert isinstance(command, StoreData)
    assert command.boundary == "a-b"


@pytest.mark.parametrize(
    "header",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
        "multipart/form-data; boundary=naïve",
    ],
)
def test_a_form_without_a_boundary_is_400(header: str) -> None:
    """A multipart body that cannot be taken apart is refused before it is read."""
    assert refusal(request("POST", "/data", headers={"content-type": header})).status == 400


def test_an_upload_needs_a_body_that_streams() -> None:
    """Outside a streaming request there is nothing to store."""
    route = next(route for route in DIALECT.routes if route.streams)
    with pytest.raises(GatewayError) as error:
        route.parse(Request("POST", "/data"))
    assert error.value.kind is Kind.UNSUPPORTED


def test_a_stored_file_is_told_with_its_address() -> None:
    """One file comes back with its digest and place, several as ids."""
    dialect = JobManagerDialect({"mount": "/jobs"})
    found = Router(dialect.routes).match("POST", "/api/data")
    assert isinstance(found, Found)
    reply = found.route.render((STORED,), Request("POST", "/api/data"))
    assert reply.status == 201
    assert reply.headers == {"Location": f"/jobs/api/data/{UNKNOWN}"}
    assert said(reply) == {"id": UNKNOWN, "name": "in.dat", "size": 5, "sha256": "ab" * 32}
    several = rendered(request("POST", "/data"), (STORED, STORED))
    assert (several.status, said(several)) == (201, {"ids": [UNKNOWN, UNKNOWN]})


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("", 0, -1),
        ("bytes=0-", 0, -1),
        ("bytes=2-4", 2, 4),
        ("bytes=-3", -3, -1),
        ("bytes=4-2", 0, -1),
        ("bytes=-", 0, -1),
        ("bytes=-0", 0, -1),
        ("bytes=0-1,3-4", 0, -1),
        ("lines=1-2", 0, -1),
        ("bytes=1-9999999999999999999", 0, -1),
    ],
)
def test_one_range_is_honoured_and_others_ignored(header: str, first: int, last: int) -> None:
    """RFC 9110: what is not one good range of bytes means the whole file."""
    headers = {"range": header} if header else {}
    assert parsed(request("GET", f"/data/{UNKNOWN}", headers=headers)) == OpenData(
        UNKNOWN, first, last
    )
    asked = request("GET", f"/data/{UNKNOWN}", headers={"if-range": '"x"', **headers})
    assert parsed(asked) == OpenData(UNKNOWN)


def test_stderr_is_asked_for_by_name() -> None:
    """``?stream=`` takes the two streams and nothing else."""
    assert parsed(request("GET", f"/data/{ANSWER}?stream=stderr")) == OpenData(ANSWER, errors=True)
    assert parsed(request("GET", f"/data/{ANSWER}?stream=stdout")) == OpenData(ANSWER)
    assert refusal(request("GET", f"/data/{ANSWER}?stream=both")).status == 400
    assert refusal(request("GET", "/data/x")).status == 400


def test_a_file_is_sent_whole_or_in_part() -> None:
    """200 for all of it, 206 for a stretch, 416 for none, and never shown by a browser."""
    chunks = pieces()
    whole = rendered(request("GET", f"/data/{UNKNOWN}"), OpenedData(STORED, 0, 5, chunks))
    assert (whole.status, whole.length, whole.content_type) == (200, 5, "application/octet-stream")
    assert whole.body is chunks
    assert whole.headers == {
        "Accept-Ranges": "bytes",
        "Content-Disposition": 'attachment; filename="in.dat"',
        "X-Content-Type-Options": "nosniff",
    }
    ranged = request("GET", f"/data/{UNKNOWN}", headers={"range": "bytes=1-3"})
    part = rendered(ranged, OpenedData(STORED, 1, 3, chunks))
    assert (part.status, part.length) == (206, 3)
    assert part.headers["Content-Range"] == "bytes 1-3/5"
    none = rendered(ranged, OpenedData(STORED, 5, 0, chunks))
    assert (none.status, none.headers["Content-Range"]) == (416, "bytes */5")


def test_a_file_is_described() -> None:
    """An upload and an answer are told apart; only an answer may be cut."""
    asked = request("GET", f"/data/{UNKNOWN}/info")
    assert said(rendered(asked, STORED)) == {
        "id": UNKNOWN,
        "name": "in.dat",
        "size": 5,
        "sha256": "ab" * 32,
        "created": 1_700_000_000,
        "kind": "upload",
    }
    answer = DataObject(ANSWER, f"{JOB}.out", 5, "", NOW, answer=True, truncated=True)
    reported = said(rendered(asked, answer))
    assert (reported["kind"], reported["truncated"], reported["sha256"]) == ("answer", True, None)


def test_a_removed_file_is_named() -> None:
    """Removal answers with the id."""
    asked = request("DELETE", f"/data/{UNKNOWN}")
    assert parsed(asked) == DeleteData(UNKNOWN)
    assert said(rendered(asked, STORED)) == {"id": UNKNOWN}


@given(st.text(st.characters(max_codepoint=255, blacklist_characters="\r\n"), max_size=60))
def test_any_header_of_an_upload_is_understood_or_refused(value: str) -> None:
    """No Content-Type, Content-Disposition or Range raises anything but a refusal."""
    for words in (value, f"multipart/form-data; boundary={value}", f"x; filename*={value}"):
        headers = {"content-type": words, "content-disposition": words, "range": words}
        for method, path in [("POST", "/data"), ("GET", f"/data/{UNKNOWN}")]:
            asked = request(method, path, headers=headers)
            with suppress(GatewayError):
                parsed(asked)
