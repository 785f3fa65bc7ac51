"""The parts of the native shim do bit for bit what their Python counterparts do.

In long runs the same examples go through a build with the address and undefined-behaviour
sanitizers, and more of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engines.rundir.holes import HOLE
from engines.rundir.requests import read_events
from engines.rundir.texts import sentence
from engines.shim import limit_groups, recorder, tally
from engines.shim.call_filter import filter_program
from engines.shim.launch_request import Bounds, LaunchRequest, decode_request, encode_request
from engines.shim.recorder import Recorder
from engines.shim.redact import Redactor
from engines.shim.sandbox import NETWORKS, Sandbox, decode_sandbox
from engines.shim.view import system_paths
from tests.engines.shim.native.drive import (
    PLAIN,
    SANITIZED,
    SMALL,
    drive,
    entry,
    lines_of,
    piece,
)
from tests.support.small_lines import small_lines

REFUSE, ACCEPT = 100, 101
REQUESTS = ["", "suspend", "resume", "limit", "signal"]
SCALED = (*SMALL, "LAG_BYTES=100", "STEP_BYTES=30", "PIECE_BYTES=64", "READ_BYTES=50")

builds = pytest.mark.parametrize(
    "kind", [PLAIN, pytest.param(SANITIZED, marks=pytest.mark.storm)], ids=["plain", "sanitized"]
)
examples = settings(
    max_examples=int(os.environ.get("NARTHEX_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    """Scales the limits down, so that small examples reach them."""
    with small_lines() as patch:
        patch.setattr(recorder, "_LAG_BYTES", 100)
        patch.setattr(recorder, "_STEP_BYTES", 30)
        patch.setattr(recorder, "_PIECE_BYTES", 64)
        patch.setattr(tally, "_READ_BYTES", 50)
        yield


def reads() -> st.SearchStrategy[list[tuple[int, int, bytes]]]:
    """What comes through the pipes, with a disk that refuses at times."""
    data = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\xc3\xa4", b"x" * 9, b"y" * 30]))
    said = st.tuples(
        st.sampled_from([1, 1, 1, 2, 2]),
        st.integers(0, 60),
        data.map(b"".join).filter(bool).map(lambda one: one[:150]),
    )
    disk = st.sampled_from([(REFUSE, 0, b""), (ACCEPT, 0, b"")])
    return st.lists(st.one_of(said, said, said, said, disk), max_size=40)


@builds
@given(said=reads(), most=st.sampled_from([0, 0, 1, 40, 100, 400, 1000]))
@examples
def test_the_recorder(kind: tuple[str, ...], said: list[tuple[int, int, bytes]], most: int) -> None:
    """Output, note of the hole and account are the same, whatever the disk refuses."""
    clock = 0
    entries = []
    for stream, step, data in said:
        clock += step
        entries.append((stream, clock, data))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        wanted = python_recorder(one, most, entries)
        fed = b"".join(entry(*single) for single in entries)
        found = drive(kind, fed, "record", other, str(most), small=SCALED)
        assert [int(word) for word in found.split()] == wanted
        for name in ("output", HOLE):
            assert content(one, name) == content(other, name)


def python_recorder(folder: str, most: int, entries: list[tuple[int, int, bytes]]) -> list[int]:
    """The same entries through the reference; its account."""
    made = Recorder(f"{folder}/output", most)
    kept = -1
    for kind, time_ms, data in entries:
        if kind == REFUSE and kept < 0:
            kept, made._fd = made._fd, os.open(f"{folder}/output", os.O_RDONLY)
        elif kind == ACCEPT and kept >= 0:
            os.close(made._fd)
            made._fd, kept = kept, -1
        elif kind < REFUSE:
            made.add(kind, time_ms, data)
    if kept >= 0:
        os.close(made._fd)
        made._fd = kept
    made.end(9)
    return [made.size, made.checksum, made.dropped, made.refused_line]


def content(folder: str, name: str) -> bytes | None:
    """What a file holds, None if there is none."""
    path = Path(folder, name)
    return path.read_bytes() if path.exists() else None


SECRET = st.text(alphabet='ab\u00e4"\\\n\udcff ', min_size=0, max_size=12)


@builds
@given(
    secrets=st.lists(SECRET, max_size=6),
    cuts=st.lists(st.integers(0, 30), max_size=8),
    data=st.data(),
)
@examples
def test_redaction(
    kind: tuple[str, ...], secrets: list[str], cuts: list[int], data: st.DataObject
) -> None:
    """The same is let through with every read, and held back."""
    known = Redactor(secrets)
    words = [*known.forms, b"a", b"b", b"\n", b"xyz"]
    text = b"".join(data.draw(st.lists(st.sampled_from(words), max_size=12)))
    pieces = []
    for cut in cuts:
        pieces.append(text[:cut])
        text = text[cut:]
    pieces.append(text)
    stream = len(known.forms).to_bytes(4, "little")
    stream += b"".join(map(piece, (*known.forms, *pieces)))
    found = [os.fsencode(one) for one in lines_of(drive(kind, stream, "redact"))]
    assert found == [*map(known.feed, pieces), known.end()]


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
raw = st.binary(max_size=12).map(lambda data: os.fsdecode(data.replace(b"\0", b"")))
names = st.text("ABC_\u00e4", min_size=1, max_size=5)
times = st.one_of(st.just(0.0), st.floats(0, 1e12), st.integers(0, 10**6))
counts = st.integers(0, (1 << 62) - 1).filter(lambda value: value < 10**18)
orders = st.builds(
    LaunchRequest,
    words.map(lambda word: f"/{word}"),
    st.lists(st.one_of(words, raw), min_size=1, max_size=5).filter(lambda argv: argv[0] != ""),
    st.dictionaries(names, st.one_of(words, raw), max_size=4),
    st.one_of(words, raw),
    st.builds(
        Bounds, times, times, counts, times, counts, counts, counts, counts, times,
        st.integers(0, 64), times, st.integers(0, 10_000),
        words.map(lambda word: word.replace("/", "_")), counts, counts, st.integers(0, 10_000),
    ),
    words,
    st.lists(SECRET, max_size=3).map(tuple),
    words,
    st.lists(raw.filter(bool), max_size=3).map(tuple),
    st.none(),
)  # fmt: skip


@builds
@given(order=orders)
@examples
def test_orders(kind: tuple[str, ...], order: LaunchRequest) -> None:
    """What the launcher wrote is what is read, to the last byte."""
    data = encode_request(order)
    order = decode_request(data)
    run, argv, environment, directory, times, notifier, stdin, hidden, flaw = json.loads(
        drive(kind, data, "order")
    )
    bounds = order.bounds
    assert (run, argv, directory) == (order.run, order.argv, order.directory)
    assert environment == [f"{name}={value}" for name, value in order.environment.items()]
    assert (notifier, stdin, tuple(hidden)) == (order.notifier, order.stdin, order.hidden)
    assert flaw == ""
    assert times == [
        *(bounds.seconds, bounds.grace_seconds, bounds.drain_seconds, bounds.most_seconds),
        *(bounds.warn_seconds, bounds.output_bytes, bounds.processes, bounds.memory_bytes),
        *(bounds.open_files, bounds.file_bytes, bounds.warn_signal, bounds.cpu_weight),
    ]


@builds
@given(order=orders, place=st.integers(0, 500), byte=st.integers(0, 255), cut=st.booleans())
@examples
def test_broken_orders(
    kind: tuple[str, ...], order: LaunchRequest, place: int, byte: int, *, cut: bool
) -> None:
    """A changed or torn order is read or refused, and nothing worse."""
    data = bytearray(encode_request(order))
    place = min(place, len(data) - 1)
    data[place] = byte
    said = drive(kind, bytes(data[: place + 1] if cut else data), "order")
    assert not said or json.loads(said)


paths = st.lists(words.map(lambda word: f"/{word}"), max_size=3).map(tuple)
boxes = st.builds(
    Sandbox,
    st.sampled_from(NETWORKS),
    *(paths, paths, paths),
    counts,
    st.just(""),
    st.integers(0, (1 << 32) - 2),
    words,
)


@builds
@given(order=orders, box=boxes)
@examples
def test_orders_for_a_sandbox(kind: tuple[str, ...], order: LaunchRequest, box: Sandbox) -> None:
    """What a task is to see is read to the last byte, and the filter is the one of Python."""
    data = encode_request(order._replace(sandbox=box))
    *_, flaw, seen = json.loads(drive(kind, data, "order"))
    *given, later, uid, name, system, steps = seen
    assert flaw == ""
    assert decode_sandbox([*given, later, uid, name]) == box
    assert tuple(system) == system_paths()
    assert bytes.fromhex(steps) == filter_program()


@builds
@given(order=orders, box=boxes, place=st.integers(0, 5000), byte=st.integers(0, 255))
@examples
def test_broken_orders_for_a_sandbox(
    kind: tuple[str, ...], order: LaunchRequest, box: Sandbox, place: int, byte: int
) -> None:
    """A changed one is read or refused, and never read as one without a sandbox."""
    data = bytearray(encode_request(order._replace(sandbox=box)))
    begun = len(encode_request(order)) - 1
    data[begun + place % (len(data) - begun)] = byte
    said = drive(kind, bytes(data), "order")
    assert not said or len(json.loads(said)) == len(LaunchRequest._fields)


@builds
@given(order=orders, box=boxes)
@examples
def test_a_door_into_a_sandbox_is_refused(
    kind: tuple[str, ...], order: LaunchRequest, box: Sandbox
) -> None:
    """The native shim has none, and never leaves out what it cannot do."""
    later = order._replace(sandbox=box._replace(later="/later"))
    assert not drive(kind, encode_request(later), "order")


members = st.dictionaries(
    st.sampled_from(["event", "at_ms", "who", "seconds", "signal", "tree", "tags", "note", "x"]),
    st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(-5, 70), st.floats(), st.sampled_from(REQUESTS),
            st.sampled_from([(1 << 53) - 1, 1 << 53, 10**30, "\ud800", "\u00e4"]),
        ),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner)),
        max_leaves=4,
    ),
)  # fmt: skip
plausible = st.fixed_dictionaries(
    {"event": st.sampled_from(REQUESTS), "at_ms": st.integers(0, 9)},
    optional={
        "seconds": st.one_of(st.floats(), st.integers()),
        "signal": st.integers(0, 64),
        "tree": st.sampled_from([True, False, 0, 1, 0.0, "", "a", [], [0], {}, None]),
        "tags": st.lists(st.one_of(words, st.none()), max_size=70),
        "who": st.one_of(words, st.none()),
    },
)
event_lines = st.lists(
    st.one_of(
        members.map(json.dumps).map(str.encode),
        plausible.map(json.dumps).map(str.encode),
        plausible.map(lambda said: json.dumps(said, ensure_ascii=False).encode()),
        st.binary(max_size=30),
        st.sampled_from([b'{"event": "suspend", "at_ms": 01}', b'{"event": "resume" "at_ms": 1}']),
    ).map(lambda line: line.replace(b"\n", b"").replace(b"\0", b"")),
    max_size=6,
)


@builds
@given(said=event_lines, torn=st.binary(max_size=5))
@example(
    said=[b'{"event":"suspend","at_ms":1,}', b"[1,]", b'{"event":"limit","at_ms":1.0}'], torn=b""
)
@examples
def test_requests(kind: tuple[str, ...], said: list[bytes], torn: bytes) -> None:
    """Of the same lines the same are requests, and say the same."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "events")
        path.write_bytes(b"".join(line + b"\n" for line in said) + torn.replace(b"\n", b""))
        events, after = read_events(str(path))
        *found, end = lines_of(drive(kind, b"", "events", folder))
        wanted = [
            [
                REQUESTS.index(event.event),
                event.seconds,
                event.signal,
                int(event.tree),
            ]
            for event in events
            if event.event in REQUESTS[1:]
        ]
        assert found == wanted
        assert end == after


@builds
@given(text=st.one_of(words, st.text("ab\n\t\x07 \x85\u20ac", max_size=6000)))
@example(text="\u20ac" * 2000)
@example(text="x" * 5000)
@examples
def test_sentences(kind: tuple[str, ...], text: str) -> None:
    """What an ending says is cleaned and cut alike."""
    text = "a" + text + "z"
    assert json.loads(drive(kind, text.encode(), "sentence")) == sentence(text)


places = st.sampled_from(["/", "/a", "/a/b", "/ab", "/a b"])
mounts = st.builds(
    "31 23 0:28 {} /sys/fs/{} rw,relatime - {} cgroup rw,{}\n".format,
    places,
    st.sampled_from(["memory", "cpu", "x/", "cpu,cpuacct"]),
    st.sampled_from(["cgroup", "cgroup2", "tmpfs"]),
    st.sampled_from(["memory", "cpu,cpuacct", "pids", "name=systemd", "cpuset", "memory,pids"]),
)
groups = st.builds(
    "{}:{}:{}\n".format,
    st.integers(0, 9),
    st.sampled_from(["memory", "cpu,cpuacct", "pids", "name=systemd", "", "memory,pids"]),
    places.filter(lambda place: " " not in place),
)


@builds
@given(mounted=st.lists(mounts, max_size=4), inside=st.lists(groups, max_size=4))
@examples
def test_groups_of_limits(kind: tuple[str, ...], mounted: list[str], inside: list[str]) -> None:
    """Both find the groups of version 1 in the same places."""
    texts = ("".join(mounted), "".join(inside))
    found = lines_of(drive(kind, b"".join(piece(text.encode()) for text in texts), "groups"))
    wanted = limit_groups._located(*texts)
    assert found == [wanted.get(name, "") for name in limit_groups.KINDS]
