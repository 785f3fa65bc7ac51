"""Formats, errors, collections and links (sections 2, 3 and 4)."""

from __future__ import annotations

import json

import pytest
import yaml

from protocol.dialects.oar import OarDialect
from protocol.dialects.oar.collection import paged, paging
from protocol.dialects.oar.faults import STATUS, TITLES, OarError
from protocol.dialects.oar.formats import Format, chosen, data_of, located
from protocol.errors import GatewayError, Kind, Subject
from tests.protocol.oar.asked import request

DIALECT = OarDialect({})


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("/oarapi/jobs.yaml", {"accept": "application/json"}, Format.YAML),
        ("/oarapi/jobs/12/details.json", {}, Format.JSON),
        ("/oarapi/resources/nodes/node1.domain.yaml", {}, Format.YAML),
        ("/oarapi/jobs", {"accept": "text/yaml; q=1"}, Format.YAML),
        ("/oarapi/jobs", {"accept": "image/png, application/json, */*"}, Format.JSON),
        ("/oarapi/jobs", {"accept": "*/*", "content_type": "text/yaml"}, Format.YAML),
        ("/oarapi/jobs", {"content_type": "application/json; charset=x"}, Format.JSON),
        ("/oarapi/jobs", {"accept": "text/html"}, Format.HTML),
    ],
)
def test_the_format_of_an_answer(target: str, headers: dict[str, str], expected: Format) -> None:
    """Section 2.1: the suffix, then Accept, then the type of the body."""
    assert chosen(request(target, "GET", b"", **headers)) is expected


@pytest.mark.parametrize(
    "headers",
    [{}, {"accept": "*/*"}, {"content_type": "application/x-www-form-urlencoded"}],
)
def test_no_format_is_406_in_json(headers: dict[str, str]) -> None:
    """Section 2.1: a form without a suffix too."""
    asked = request("/oarapi/jobs", "GET", b"", **headers)
    with pytest.raises(OarError) as refusal:
        chosen(asked)
    reply = DIALECT.refuse(refusal.value, asked)
    assert reply.status == 406
    assert json.loads(bytes(reply.body))["code"] == 406  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/oarapi/jobs.yaml", ("/oarapi/jobs", "yaml")),
        ("/oarapi.json", ("/oarapi", "json")),
        ("/oarapi/.json", ("/oarapi/", "json")),
        ("/oarapi/media/home/a.yaml", ("/oarapi/media/home/a.yaml", "")),
        ("/oarapi/jobs", ("/oarapi/jobs", "")),
    ],
)
def test_suffixes_are_taken_off(path: str, expected: tuple[str, str]) -> None:
    """Section 2.1: of any path but those of files."""
    assert located(path) == expected


@pytest.mark.parametrize(
    ("body", "kind", "title", "status"),
    [
        (b"{", "application/json", "JSON data not understood", 400),
        (b"a: [", "text/yaml", "YAML data not understood", 400),
        (b"a: !!python/object:os.system {}", "text/yaml", "YAML data not understood", 400),
        (b"", "application/json", "Missing Required Field", 400),
        (b"a", "text/plain", "Bad content type", 406),
        (b"a", "", "Bad content type", 406),
    ],
)
def test_bodies_that_are_refused(body: bytes, kind: str, title: str, status: int) -> None:
    """Section 2.2: 406 for another type, 400 for what cannot be read."""
    with pytest.raises(OarError) as refusal:
        data_of(request("/oarapi/jobs.json", "POST", body, content_type=kind), "submission")
    assert (refusal.value.title, refusal.value.status) == (title, status)


def test_bodies_of_all_types_say_the_same() -> None:
    """Section 2.2: YAML, JSON and forms."""
    for body, kind in (
        (b"command: ls\ntype: [a, b]\n", "text/yaml"),
        (b'{"command": "ls", "type": ["a", "b"]}', "application/json; charset=utf-8"),
        (b"command=ls&type=a&type=b", "application/x-www-form-urlencoded"),
    ):
        found = data_of(request("/oarapi/jobs.json", "POST", body, content_type=kind), "job")
        assert found == {"command": "ls", "type": ["a", "b"]}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("suffix", ["json", "yaml", "html"])
def test_every_refusal_is_a_hash(kind: Kind, suffix: str) -> None:
    """Section 3: title, message and the code as an integer, in the format that is asked for."""
    assert kind in STATUS
    assert kind in TITLES
    error = GatewayError(kind, "it is <so>", retry_after=2.0)
    reply = DIALECT.refuse(error, request(f"/oarapi/jobs.{suffix}"))
    text = bytes(reply.body).decode()  # type: ignore[arg-type]
    if suffix == "html":
        assert "it is &lt;so&gt;" in text
        assert "Content-Security-Policy" in reply.headers
        return
    reported = json.loads(text) if suffix == "json" else yaml.safe_load(text)
    assert reported.keys() == {"title", "message", "code"}
    assert reported["code"] == reply.status == STATUS[kind]


def test_debug_sends_errors_with_200() -> None:
    """Section 3: exactly ``debug=1``, or a mount that is called so; routing errors as well."""
    error = GatewayError(Kind.NOT_FOUND, "nothing is there", subject=Subject.ROUTE)
    for target in ("/oarapi/nope.json?debug=1", "/oarapi-debug/nope.json"):
        reply = DIALECT.refuse(error, request(target))
        reported = json.loads(bytes(reply.body))  # type: ignore[arg-type]
        assert reply.status == reported["code"] == 200
        assert reported["title"] == "ERROR 404 - Not found"
    assert DIALECT.refuse(error, request("/oarapi/nope.json?debug=true")).status == 404


def test_only_who_sent_no_credential_is_asked_for_one() -> None:
    """Section 1: ``WWW-Authenticate`` would make a browser ask again."""
    error = GatewayError(Kind.UNAUTHENTICATED, "who are you")
    asked = DIALECT.refuse(error, request("/oarapi/jobs/1.json"))
    assert asked.headers["WWW-Authenticate"].startswith("Basic")
    wrong = DIALECT.refuse(error, request("/oarapi/jobs/1.json", authorization="Basic x"))
    assert "WWW-Authenticate" not in wrong.headers


def test_pages_have_links_to_their_neighbours() -> None:
    """Section 4: the path as requested, the query without an offset, the offset last."""
    asked = request("/oarapi/jobs.yaml?state=Running%2CWaiting;limit=2&offset=2")
    part = paging(asked)
    found = paged([{"id": 3}, {"id": 4}], 5, part, asked)
    before = "/oarapi/jobs.yaml?state=Running%2CWaiting&limit=2&offset="
    assert found["links"] == [
        {"rel": "self", "href": f"{before}2"},
        {"rel": "next", "href": f"{before}4"},
        {"rel": "previous", "href": f"{before}0"},
    ]
    assert (found["total"], found["offset"]) == (5, 2)


def test_a_collection_without_a_limit_has_one_link() -> None:
    """Section 4: to itself, without an offset; an empty one has none."""
    asked = request("/oarapi/jobs.json?limit=0")
    assert paged([1], 1, paging(asked), asked)["links"] == [
        {"rel": "self", "href": "/oarapi/jobs.json?limit=0"}
    ]
    assert paged([], 0, paging(asked), asked)["links"] == []


@pytest.mark.parametrize("query", ["limit=-1", "offset=x", "limit=1%29+or+1", "limit=9" + "9" * 40])
def test_paging_takes_whole_numbers(query: str) -> None:
    """Sections 4 and 15: anything else is 400."""
    with pytest.raises(OarError) as refusal:
        paging(request(f"/oarapi/jobs.json?{query}"))
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "settings",
    [
        {"odd": 1},
        {"mounts": []},
        {"mounts": ["oarapi"]},
        {"mounts": ["/a/b"]},
        {"properties": ["a b"]},
        {"properties": [1]},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object]) -> None:
    """At start, with their names."""
    with pytest.raises(ValueError, match="oar"):
        OarDialect(settings)
