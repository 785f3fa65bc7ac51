"""Which dialect answers: the most literal row of all, whatever the order, and never two."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gateway.config import ConfigError
from gateway.plugins import Mount
from gateway.transport.switchboard import Switchboard
from protocol.accounts import Reads
from protocol.commands.login import Hello
from protocol.dialect import Conversation, Located, Route
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request


class Named:
    """A dialect whose routes do nothing."""

    cookie = ""

    def __init__(self, name: str, *rows: str, reads: Reads = Reads.OWN) -> None:
        self.name = name
        self.routes: Sequence[Route[Any]] = tuple(
            Route(method, template, lambda _: Hello(), lambda *_: Reply(200), reads=reads)
            for method, _, template in (row.partition(" ") for row in rows)
        )

    def credential(self, headers: Mapping[str, str]) -> None:
        """No headers of its own."""

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """Nothing but no."""
        del error, request
        return Reply(400)


class Suffixed(Named):
    """One whose paths may end in a format."""

    def locate(self, path: str) -> Located:
        """Takes ``.yaml`` off."""
        if path.endswith(".yaml"):
            return Located(path.removesuffix(".yaml"), "yaml")
        return Located(path)


class WithPasswords(Named):
    """One that takes a name and a password."""

    realm = "jobs"


class WithCookie(Named):
    """One whose clients are browsers."""

    cookie = "ticket"


class Talking(Named):
    """One with a websocket."""

    def __init__(self, name: str, *sockets: str) -> None:
        super().__init__(name)
        self.sockets: Sequence[str] = sockets

    def heavy(self, data: str | bytes) -> bool:
        """None is."""
        return not data

    def conversation(self, query: Mapping[str, str]) -> Conversation:
        """None that any test here holds."""
        raise GatewayError(Kind.UNSUPPORTED, f"no conversation with {len(query)} words")


ORDERS = pytest.mark.parametrize("turned", [False, True], ids=["order", "turned"])


def board(*mounts: tuple[str, Any] | Mount, turned: bool = False) -> Switchboard:
    """A switchboard of mounted dialects, in this order or the other."""
    made = [mount if isinstance(mount, Mount) else Mount(*mount) for mount in mounts]
    return Switchboard(made[::-1] if turned else made)


def answered(switchboard: Switchboard, method: str, path: str) -> str:
    """Who answers by which row, and what it takes from the path."""
    hit = switchboard.find(method, path)
    return f"{hit.dialect.name} {hit.route.template} {dict(hit.params)}"


@ORDERS
def test_the_more_literal_row_answers(turned: bool) -> None:  # noqa: FBT001 - a table
    """Segment by segment from the left: a literal before anything, that before a tail."""
    found = board(
        ("", Named("old", "GET /api/job/{name}", "DELETE /api/job/{name}", "GET /{all...}")),
        ("/api", Named("new", "GET /job/list", "GET /{kind}/info", "GET /job/{path...}")),
        turned=turned,
    )
    assert answered(found, "GET", "/api/job/list") == "new /job/list {}"
    assert answered(found, "GET", "/api/job/x") == "old /api/job/{name} {'name': 'x'}"
    assert answered(found, "GET", "/api/job/info") == "old /api/job/{name} {'name': 'info'}"
    assert answered(found, "GET", "/api/y/info") == "new /{kind}/info {'kind': 'y'}"
    assert answered(found, "GET", "/api/job/x/y") == "new /job/{path...} {'path': 'x/y'}"
    assert answered(found, "GET", "/z") == "old /{all...} {'all': 'z'}"
    assert answered(found, "HEAD", "/api/job/list") == "new /job/list {}"
    assert answered(found, "DELETE", "/api/job/x") == "old /api/job/{name} {'name': 'x'}"
    with pytest.raises(GatewayError, match="DELETE is not supported here, only GET"):
        answered(found, "DELETE", "/api/job/list")


@ORDERS
def test_who_refuses_a_path_that_nobody_routes(turned: bool) -> None:  # noqa: FBT001 - a table
    """Who has most of its beginning; of several who answers that beginning itself."""
    found = board(
        ("", Named("deep", "GET /api/v1/x")), ("", Named("root", "GET /api")), turned=turned
    )
    for path, name in (("/api/none", "root"), ("/api/v1/none", "deep"), ("/api/v1/x/y", "deep")):
        assert found.nearest(path).name == name, path


@ORDERS
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("", "GET /a/{x}"), ("/a", "GET /{y}")),
        (("", "GET /a/b"), ("/a", "GET /b")),
        (("/m", "GET /{rest...}"), ("", "GET /m/{tail...}")),
    ],
)
def test_two_equal_claims_are_refused(
    one: tuple[str, str],
    other: tuple[str, str],
    turned: bool,  # noqa: FBT001 - a table
) -> None:
    """Whatever the segments are called, and wherever the mount ends."""
    mounts = ((one[0], Named("one", one[1])), (other[0], Named("other", other[1])))
    with pytest.raises(ConfigError, match=r"claimed by both (one and other|other and one)"):
        board(*mounts, turned=turned)
    board((one[0], Named("one", one[1])), (other[0], Named("two", other[1].replace("GET", "PUT"))))


@ORDERS
def test_a_websocket_is_optional_and_the_more_literal_one_answers(
    turned: bool,  # noqa: FBT001 - a table
) -> None:
    """A dialect without any is never asked; two equal ones are refused like routes."""
    one, two = Talking("one", "/ws/{any}"), Talking("two", "/ws/log")
    found = board(("", one), ("", two), ("/x", Named("three", "GET /y")), turned=turned)
    assert found.socket("/ws/log") is two
    assert found.socket("/ws/other") is one
    assert found.socket("/x/y") is None
    with pytest.raises(GatewayError) as error:
        found.find("GET", "/ws/log")
    assert (error.value.kind, error.value.subject) == (Kind.UNSUPPORTED, Subject.ROUTE)
    with pytest.raises(ConfigError, match="websocket"):
        board(("", one), ("/ws", Talking("four", "/{x}")))


def test_a_suffix_is_taken_off_before_a_route_is_sought() -> None:
    """The dialect says what it is; others at the same mount keep the whole path."""
    found = board(
        ("/oar", Suffixed("oar", "GET /jobs/{id}")), ("", Named("all", "GET /{x}/{y...}"))
    )
    hit = found.find("GET", "/oar/jobs/42.yaml")
    assert (hit.path, hit.suffix, dict(hit.params)) == ("/jobs/42", "yaml", {"id": "42"})
    assert hit.prefix == "/oar"
    other = found.find("GET", "/other/jobs/42.yaml")
    assert (other.path, other.suffix) == ("/other/jobs/42.yaml", "")


def test_a_mount_decides_what_is_opened() -> None:
    """What the settings of a mount say counts before what its routes say."""
    shared = Named("pai", "GET /jobs", reads=Reads.LOGGED_IN)
    assert board(("", shared)).find("GET", "/jobs").reads is Reads.LOGGED_IN
    public = board(Mount("", shared, Reads.PUBLIC)).find("GET", "/jobs")
    assert (public.reads, public.open) == (Reads.PUBLIC, True)
    closed = board(Mount("", shared, Reads.OWN)).find("GET", "/jobs")
    assert (closed.reads, closed.open) == (Reads.OWN, False)
    assert board(("", WithPasswords("basic", "GET /a"))).find("GET", "/a").passwords
    assert not board(("", shared)).find("GET", "/jobs").passwords


def test_origins_are_those_of_the_dialect_at_a_path() -> None:
    """One dialect may be opened to a page without opening another beside it."""
    found = board(
        Mount("/pai", Named("pai", "GET /jobs"), origins=("https://a.example",)),
        Mount("", Named("other", "GET /{x}/{y}", "GET /z")),
    )
    assert found.origins("/pai/jobs") == {"https://a.example"}
    assert found.origins("/pai/unknown") == frozenset()
    assert found.origins("/z") == frozenset()


@pytest.mark.parametrize("dialect", [WithPasswords("basic", "GET /a"), WithCookie("web", "GET /a")])
def test_any_origin_is_for_dialects_without_ambient_credentials(dialect: Named) -> None:
    """Where a browser would send what it remembers, not every page may read."""
    assert board(Mount("", Named("open", "GET /a"), origins=("*",))).origins("/a") == {"*"}
    with pytest.raises(ConfigError, match="origins"):
        board(Mount("", dialect, origins=("*",)))


def test_without_a_dialect_nothing_is_served() -> None:
    """An empty configuration is told so at the start."""
    with pytest.raises(ConfigError, match="none is enabled"):
        board()
