"""Limits of a run as a whole: held by control groups, felt by processes, told in the ending."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engines import cgroups
from engines.launcher import Zygote
from engines.rundir.directory import RunDir
from engines.rundir.facts import ExitKind
from engines.shim import limit_groups
from engines.shim.launch_request import Bounds
from engines.shim.limit_groups import Counts, LimitGroups, explain, find
from engines.suite import read_lines
from tests.engines.conftest import Runs

MIB = 1 << 20
LIMIT = 64 * MIB
HOG = f"x = bytearray({4 * LIMIT})"
FORKER = """
import os, time
made = 0
for _ in range(100):
    try:
        pid = os.fork()
    except BlockingIOError:
        break
    if not pid:
        time.sleep(60)
    made += 1
print(made)
"""
NONE = Bounds(0, 0, 0, 0, 0, 0, 0, 0)
ALL = pytest.mark.parametrize(
    "shim", ["python", "native", "sandbox", "native sandbox"], indirect=True
)
"""In a sandbox what keeps it counts apart."""


@pytest.fixture
def limiting() -> None:
    """Skips where the kernel lets nobody hold limits of memory and processes for a group."""
    missing = {"memory", "pids"} - find(cgroups.own_group()).keys()
    if missing:
        # As with sandboxes this is a permission, which no package brings.
        pytest.skip(f"there is no control group with {', '.join(sorted(missing))} here")


def left(run: RunDir) -> list[str]:
    """The groups of limits that are still there of a run."""
    shim = run.shim()
    assert shim is not None
    name = cgroups.name(f"{shim.pid}-{shim.start_time}")
    paths = set(find(cgroups.own_group()).values())
    return [path for path in paths if Path(path, name).exists()]


@ALL
@pytest.mark.usefixtures("limiting")
async def test_a_task_that_uses_too_much_memory_is_killed_for_it(runs: Runs) -> None:
    """The main process dies, and that it was for want of memory is the ending."""
    ending, run = await runs.run(sys.executable, "-c", HOG, memory_bytes=LIMIT)
    assert (ending.kind, ending.signal) == (ExitKind.OUT_OF_MEMORY, 9)
    assert ending.message.startswith(f"killed for want of memory ({LIMIT} bytes)")
    assert ending.verified
    assert left(run) == []


@ALL
@pytest.mark.usefixtures("limiting")
async def test_all_of_a_run_shares_its_memory(runs: Runs) -> None:
    """Two processes that fit one by one do not fit together: the limit is the run's."""
    half = LIMIT * 3 // 4
    part = f"import time; x = bytearray({half}); print('held', flush=True); time.sleep(5)"
    script = f"""{sys.executable} -c "{part}" & one=$!
        {sys.executable} -c "{part}" & two=$!
        wait $one; first=$?; wait $two; second=$?; kill %1 %2 2>/dev/null; exit $((first + second))
    """
    ending, _ = await runs.run("bash", "-c", script, memory_bytes=LIMIT)
    assert (ending.kind, ending.exit_code) == (ExitKind.OUT_OF_MEMORY, 137)


@ALL
@pytest.mark.usefixtures("limiting")
async def test_a_script_whose_child_was_killed_failed_for_want_of_memory(runs: Runs) -> None:
    """The exit code is the script's own; what it came of is told."""
    script = f"{sys.executable} -c '{HOG}'; exit 3"
    ending, _ = await runs.run("bash", "-c", script, memory_bytes=LIMIT)
    assert (ending.kind, ending.exit_code, ending.signal) == (ExitKind.OUT_OF_MEMORY, 3, None)


@ALL
@pytest.mark.usefixtures("limiting")
async def test_a_script_that_copes_went_well(runs: Runs) -> None:
    """Success is success; the sentence says what happened on the way."""
    script = f"{sys.executable} -c '{HOG}'; exit 0"
    ending, _ = await runs.run("bash", "-c", script, memory_bytes=LIMIT)
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 0)
    assert "1 of its processes were killed for want of memory" in ending.message


@ALL
@pytest.mark.usefixtures("limiting")
async def test_a_run_has_so_many_processes_and_no_more(runs: Runs) -> None:
    """A fork bomb stops at the limit, exactly, and the ending says so. The user's others go on."""
    ending, run = await runs.run(sys.executable, "-c", FORKER, processes=20)
    assert read_lines(run) == [(1, b"19")]
    assert ending.kind is ExitKind.EXITED
    assert ending.message.endswith("processes limit reached (20)")
    assert ending.verified


@ALL
@pytest.mark.usefixtures("limiting")
async def test_a_kill_stays_a_kill(runs: Runs) -> None:
    """Who asked for the end is the cause, whatever was felt before."""
    script = f"{sys.executable} -c '{HOG}'; echo ready; sleep 60"
    run = await runs.start("bash", "-c", script, memory_bytes=LIMIT)
    await runs.ready(run)
    assert run.request_kill(0.2)
    run.notify()
    assert (await runs.end(run)).kind is ExitKind.KILLED


@pytest.mark.parametrize("shim", ["python", "native"], indirect=True)
@pytest.mark.usefixtures("limiting")
async def test_a_run_has_its_share_of_the_processors(runs: Runs) -> None:
    """The weight is set before the program starts."""
    if "cpu" not in find(cgroups.own_group()):
        pytest.skip("there is no control group with cpu here")
    code = "from engines.shim import limit_groups; from pathlib import Path; "
    code += "at = Path(limit_groups.own()['cpu']); "
    code += "print([(at / name).read_text().strip() for name in ('cpu.weight', 'cpu.shares')"
    code += " if (at / name).exists()])"
    root = Path(limit_groups.__file__).parents[2]
    words = (sys.executable, "-c", f"import sys; sys.path.append({str(root)!r}); {code}")
    _, run = await runs.run(*words, cpu_weight=25)
    assert read_lines(run) in ([(1, b"['25']")], [(1, b"['256']")])


async def test_without_groups_each_process_is_limited(tmp_path: Path) -> None:
    """There the program sees that it gets no more, and nobody is killed."""
    async with Zygote(groups=False) as zygote:
        runs = Runs(tmp_path, zygote)
        ending, run = await runs.run(sys.executable, "-c", HOG, memory_bytes=2 * LIMIT)
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 1)
    assert any(b"MemoryError" in text for _, text in read_lines(run))


MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
35 31 0:32 {root} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
37 31 0:34 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
"""


@pytest.mark.parametrize(
    ("root", "groups", "found"),
    [
        ("/", "4:memory:/\n", {"memory": "/sys/fs/cgroup/memory"}),
        ("/", "4:memory:/a/b\n", {"memory": "/sys/fs/cgroup/memory/a/b"}),
        ("/a", "4:memory:/a/b\n", {"memory": "/sys/fs/cgroup/memory/b"}),
        ("/a", "4:memory:/ab\n", {}),
        ("/", "1:cpu,cpuacct:/x\n8:pids:/\n0::/\n", {"cpu": "/sys/fs/cgroup/cpu/x"}),
        ("/", "", {}),
    ],
)
def test_groups_of_version_1_are_located(root: str, groups: str, found: dict[str, str]) -> None:
    """Each controller has its own tree; one that is not shown here is none."""
    assert limit_groups._located(MOUNTS.format(root=root), groups) == found


def test_delegated_controllers_are_set_in_the_runs_own_group(tmp_path: Path) -> None:
    """By version 2 nothing is made beside the group that the run has anyway, and nobody moves."""
    own = tmp_path / "narthex-1-2"
    own.mkdir()
    for name in ("memory.max", "memory.swap.max", "pids.max", "cpu.weight"):
        (own / name).touch()
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")
    parents = limit_groups._delegated(str(tmp_path))
    assert parents == dict.fromkeys(("memory", "pids", "cpu"), str(tmp_path))
    bounds = NONE._replace(memory_bytes=LIMIT, processes=7, cpu_weight=50)
    limits = LimitGroups(parents, str(own), "1-2", bounds, more=2)
    limits.hold(os.getpid())
    assert limits.kinds == {"memory", "pids", "cpu"}
    said = {path.name: path.read_text() for path in own.iterdir()}
    assert said == {
        "memory.max": str(LIMIT),
        "memory.swap.max": "0",
        "pids.max": "9",
        "cpu.weight": "50",
    }
    (own / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    (own / "pids.events").write_text("max 5\n")
    assert limits.counts() == Counts(2, 5)
    limits.remove()
    assert own.exists()


def test_what_cannot_be_held_is_not_said_to_be(tmp_path: Path) -> None:
    """Without such a file in the group, or without a group, each process is limited instead."""
    bounds = NONE._replace(memory_bytes=LIMIT, processes=7)
    own = tmp_path / "narthex-1-2"
    own.mkdir()
    (own / "pids.max").touch()
    parents = dict.fromkeys(("memory", "pids"), str(tmp_path))
    assert LimitGroups(parents, str(own), "1-2", bounds).kinds == {"pids"}
    assert LimitGroups({}, "", "1-2", bounds).kinds == frozenset()
    assert LimitGroups({}, "", "1-2", bounds).counts() == Counts()
    assert limit_groups._delegated("") == {}
    assert limit_groups._delegated(str(own)) == {}


@pytest.mark.parametrize(
    ("kind", "code", "felt", "expected"),
    [
        (ExitKind.EXITED, 1, Counts(), (ExitKind.EXITED, "m")),
        (
            ExitKind.EXITED,
            1,
            Counts(killed=1),
            (ExitKind.OUT_OF_MEMORY, "killed for want of memory (9 bytes): m"),
        ),
        (
            ExitKind.EXITED,
            0,
            Counts(killed=2),
            (ExitKind.EXITED, "m; 2 of its processes were killed for want of memory (9 bytes)"),
        ),
        (
            ExitKind.EXITED,
            0,
            Counts(refused=3),
            (ExitKind.EXITED, "m; processes limit reached (4)"),
        ),
        (ExitKind.KILLED, None, Counts(1, 1), (ExitKind.KILLED, "m")),
        (ExitKind.LOST, None, Counts(1, 1), (ExitKind.LOST, "m")),
    ],
)
def test_an_ending_says_what_limits_had_to_do_with_it(
    kind: ExitKind, code: int | None, felt: Counts, expected: tuple[ExitKind, str]
) -> None:
    """Only the ending of what ended by itself is another one by it."""
    bounds = NONE._replace(memory_bytes=9, processes=4)
    assert explain(kind, code, "m", felt, bounds) == expected


USER = "5f3a-ann"
"""A word for somebody that no other test has."""


def of_user(user: str) -> list[str]:
    """The groups that are there for all runs of a user."""
    paths = set(find(cgroups.own_group()).values())
    return [path for path in paths if Path(path, cgroups.name(f"user-{user}")).exists()]


@pytest.fixture
def old() -> None:
    """Skips where limits are not kept by control groups of version 1."""
    unified = cgroups.own_group()
    if {"memory", "pids", "cpu"} - {k for k, at in find(unified).items() if at != unified}:
        pytest.skip("there are no control groups of version 1 here")


@ALL
@pytest.mark.usefixtures("old")
async def test_all_runs_of_a_user_share_their_memory(runs: Runs) -> None:
    """What one of them uses the next one cannot; another user's can, and nothing is left."""
    part = LIMIT // 4
    hold = f"x = bytearray({part}); print('ready', flush=True); import time; time.sleep(60)"
    all_of: dict[str, float | str] = {"user": USER, "user_memory_bytes": LIMIT}
    first = await runs.start(sys.executable, "-c", hold, **all_of)
    await runs.ready(first)
    # Whoever uses most of what is shared is killed: not the first, which has a quarter of it.
    second, _ = await runs.run(sys.executable, "-c", f"x = bytearray({LIMIT * 7 // 8})", **all_of)
    assert (second.kind, second.signal) == (ExitKind.OUT_OF_MEMORY, 9)
    assert f"({LIMIT} bytes of all tasks of its user)" in second.message
    other, _ = await runs.run(
        *(sys.executable, "-c", f"x = bytearray({LIMIT * 5 // 8})"),
        user="5f3a-bob",
        user_memory_bytes=LIMIT,
    )
    assert (other.kind, other.exit_code) == (ExitKind.EXITED, 0)
    assert first.exit() is None
    assert of_user(USER)
    assert first.request_kill(0.2)
    first.notify()
    assert (await runs.end(first)).kind is ExitKind.KILLED
    assert of_user(USER) == of_user("5f3a-bob") == []


@ALL
@pytest.mark.usefixtures("old")
async def test_all_runs_of_a_user_share_their_processes(runs: Runs, *, sandboxed: bool) -> None:
    """A second fork bomb finds what the first left of the room, and is told so."""
    more = 2 if sandboxed else 0
    all_of: dict[str, float | str] = {"user": USER, "user_processes": 40}
    bomb = FORKER.replace("range(100)", "range(19)") + "\nprint('ready', flush=True)"
    first = await runs.start(sys.executable, "-c", f"{bomb}\ntime.sleep(60)", **all_of)
    await runs.ready(first)
    ending, run = await runs.run(sys.executable, "-c", FORKER, **all_of)
    assert read_lines(run) == [(1, str(40 - 20 - more - 1 - more).encode())]
    assert ending.message.endswith("processes limit reached (40 of all tasks of its user)")
    assert first.request_kill(0.2)
    first.notify()
    await runs.end(first)
    assert of_user(USER) == []


@pytest.mark.parametrize("shim", ["python", "native"], indirect=True)
@pytest.mark.usefixtures("old")
async def test_many_runs_of_a_user_have_one_share_of_the_processors(runs: Runs) -> None:
    """The share is that of the group which all of them are in, beside their own limits."""
    all_of: dict[str, float | str] = {
        "user": USER,
        "user_cpu_weight": 25,
        "user_memory_bytes": LIMIT,
    }
    started = [await runs.start("sh", "-c", "echo ready; sleep 60", **all_of) for _ in range(2)]
    for run in started:
        await runs.ready(run)
    above = Path(find(cgroups.own_group())["cpu"], cgroups.name(f"user-{USER}"))
    assert (above / "cpu.shares").read_text().strip() == "256"
    assert len([path for path in above.iterdir() if path.is_dir()]) == 2
    ending, _ = await runs.run(sys.executable, "-c", HOG, memory_bytes=LIMIT // 2, **all_of)
    assert f"({LIMIT // 2} bytes, or {LIMIT} bytes of all tasks of its user)" in ending.message
    for run in started:
        assert run.request_kill(0.0)
        run.notify()
        await runs.end(run)
    assert of_user(USER) == []


@pytest.mark.usefixtures("old")
def test_what_a_shim_left_of_a_user_is_removed() -> None:
    """An empty group of a run that is over, and then that of its user."""
    memory = find(cgroups.own_group())["memory"]
    above = Path(memory, cgroups.name("user-5f3a-gone"))
    above.mkdir()
    (above / cgroups.name("999999999-1")).mkdir()
    find(cgroups.own_group())
    assert not above.exists()
