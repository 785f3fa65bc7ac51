"""Paths and tables, edge by edge."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.commands.login import Hello
from protocol.dialect import Route
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.routing import (
    Found,
    NotAllowed,
    Router,
    Template,
    Unknown,
    clean_beginning,
    clean_path,
)


def row(method: str, template: str) -> Route[Any]:
    """A row that is only looked up."""

    def parse(_request: Request) -> Hello:
        return Hello()

    def render(_result: None, _request: Request) -> Reply:
        return Reply(200)

    return Route(method, template, parse, render)


TABLE = [
    row("GET", "/"),
    row("GET", "/tasks"),
    row("POST", "/tasks"),
    row("GET", "/tasks/{id}"),
    row("GET", "/tasks/{id}/log"),
    row("GET", "/tasks/new"),
    row("POST", "/tasks/new"),
    row("DELETE", "/{anything}/{id}"),
]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/a//b/", "/a/b"),
        ("/a%3Ab:c", "/a:b:c"),
        ("/%c3%bc/ü", "/ü/ü"),
        ("/%2561", "/%61"),
        (b"/a/b", "/a/b"),
        ("/..a/.b", "/..a/.b"),
        ("/..;/x", "/..;/x"),
    ],
)
def test_clean_paths(raw: str | bytes, path: str) -> None:
    """A path is decoded once, and empty segments and a trailing slash go."""
    assert clean_path(raw) == path


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/api/v2/jobs/%00/config", "/api/v2/jobs"),
        ("/api//v2/a%2fb", "/api/v2"),
        ("/api/%zz/x", "/api"),
        ("/api/%ff", "/api"),
        ("/a/../b", "/a"),
        ("/%", "/"),
        ("", "/"),
    ],
)
def test_the_beginning_of_a_path_that_is_refused(raw: str, path: str) -> None:
    """What stands before the first bad segment tells whose clients have to read the refusal."""
    with pytest.raises(GatewayError):
        clean_path(raw)
    assert clean_beginning(raw) == path


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a/b",
        "*",
        "/a/../b",
        "/a/.",
        "/%2e%2e/b",
        "/.%2E",
        "/a%2fb",
        "/a%5Cb",
        "/a\\b",
        "/a%00",
        "/a\n",
        "/a%7f",
        "/%",
        "/%4",
        "/%zz",
        "/%ff",
        "/%c0%ae",
        "/%ed%a0%80",
        "/\ud800",
        b"/\xff",
    ],
)
def test_refused_paths(raw: str | bytes) -> None:
    """Tricks with dots, slashes, NUL and encodings are refused as invalid."""
    with pytest.raises(GatewayError, match="the path") as caught:
        clean_path(raw)
    assert caught.value.kind is Kind.INVALID


@given(st.text())
def test_a_clean_path_is_clean(text: str) -> None:
    """Whatever comes, what is let through has whole segments only."""
    try:
        path = clean_path("/" + text)
    except GatewayError:
        return
    assert path.startswith("/")
    assert not set(path.split("/")) & {".", ".."}
    assert path == "/" or "" not in path[1:].split("/")


@pytest.mark.parametrize(
    ("method", "path", "template", "params"),
    [
        ("GET", "/", "/", {}),
        ("GET", "/tasks", "/tasks", {}),
        ("GET", "/tasks/", "/tasks", {}),
        ("GET", "/tasks/0304:9_1", "/tasks/{id}", {"id": "0304:9_1"}),
        ("GET", "/tasks/7/log", "/tasks/{id}/log", {"id": "7"}),
        ("GET", "/tasks/new", "/tasks/{id}", {"id": "new"}),
        ("POST", "/tasks/new", "/tasks/new", {}),
        ("DELETE", "/tasks/7", "/{anything}/{id}", {"anything": "tasks", "id": "7"}),
    ],
)
def test_found(method: str, path: str, template: str, params: dict[str, str]) -> None:
    """The first row that fits method and path answers, with its named segments."""
    found = Router(TABLE).match(method, path)
    assert isinstance(found, Found)
    assert (found.route.template, found.params) == (template, params)


def test_not_allowed() -> None:
    """A known path with another method is told with the methods that it has."""
    assert Router(TABLE).match("PUT", "/tasks/7") == NotAllowed(("DELETE", "GET"))
    assert Router(TABLE).match("get", "/tasks") == NotAllowed(("GET", "POST"))


@pytest.mark.parametrize("path", ["/task", "/tasks/7/log/x", "/a/b/c", "/x"])
def test_unknown(path: str) -> None:
    """A path that no row has is unknown, whatever the method."""
    assert Router(TABLE).match("GET", path) == Unknown()


@pytest.mark.parametrize(
    ("path", "count"),
    [("/", 0), ("/x", 0), ("/tasks", 1), ("/tasks/7", 1), ("/tasks/new/x", 2), ("/tasks/7/log", 1)],
)
def test_shared_prefix(path: str, count: int) -> None:
    """Only literal words from the beginning on count."""
    assert Router(TABLE).shared_prefix(path) == count


@pytest.mark.parametrize("text", ["tasks", "/a{b}", "/{}", "/{a b}", "/{a}/{a}", "/{a", "/a}"])
def test_bad_templates(text: str) -> None:
    """A template that cannot be understood is refused when the table is made."""
    with pytest.raises(ValueError, match="template"):
        Router([row("GET", text)])


def test_a_template_matches_by_itself() -> None:
    """A template knows its own paths."""
    template = Template.of("/a/{b}")
    assert template.match("/a/c") == {"b": "c"}
    assert template.match("/x/c") is None
    assert template.match("/a/c/d") is None


@pytest.mark.parametrize(
    ("template", "path", "params"),
    [
        ("/media/{path...}", "/media/a", {"path": "a"}),
        ("/media/{path...}", "/media/a/b c/d", {"path": "a/b c/d"}),
        ("/{user}/files/{path...}", "/ann/files/x/y", {"user": "ann", "path": "x/y"}),
        ("/{all...}", "/a/b", {"all": "a/b"}),
        ("/media/{path...}", "/media", None),
        ("/media/{path...}", "/other/a", None),
        ("/{all...}", "/", None),
    ],
)
def test_a_tail_takes_the_rest(template: str, path: str, params: dict[str, str] | None) -> None:
    """One or more segments at the end of a path, in a template and in a table."""
    assert Template.of(template).match(path) == params
    router = Router([Route("GET", template, lambda _: Hello(), lambda *_: Reply(200))])
    match = router.match("GET", path)
    assert (match.params if isinstance(match, Found) else None) == params


@pytest.mark.parametrize("template", ["/{a...}/b", "/{a...}/{b}", "/x{a...}", "/{a...}/{a...}"])
def test_a_tail_is_the_end(template: str) -> None:
    """Nothing stands behind it or beside it."""
    with pytest.raises(ValueError, match="template"):
        Template.of(template)


def test_templates_are_ranked_by_how_literal_they_are() -> None:
    """From the left: a literal segment, then one that may be anything, then a tail."""
    texts = ["/a/b", "/a/{x}", "/a/{x...}", "/{x}/b", "/{x}/{y}", "/{x...}"]
    ranks = [Template.of(text).rank for text in texts]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)
