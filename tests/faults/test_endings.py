"""Every ending is told as it was: codes, signals, failed starts, dead shims, other boots."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from engines.rundir.directory import SHIM, RunDir
from engines.rundir.facts import Exit, ExitKind, RunState, ShimFact, encode
from engines.shim.orphans import sweep_orphan
from tests.faults.bench import SHIMS, Bench, bench, output
from tests.faults.cgroup_judge import judging
from tests.support.waiting import wait_until

SH = ("sh", "-c")
FATAL = sorted(
    set(range(1, 32))
    - {
        signal.SIGSTOP,
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGCONT,
        signal.SIGCHLD,
        signal.SIGURG,
        signal.SIGWINCH,
    }
)


@pytest_asyncio.fixture(params=SHIMS)
async def runs(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A bench in a judge's group, in which nobody may be left at the end."""
    with judging("endings") as judge:
        async with bench(tmp_path, judge, request.param) as made:
            yield made
        await wait_until(lambda: not judge.populated, "nobody to be left")


async def ended(run: RunDir) -> Exit:
    """The ending of a run, waited for."""
    await wait_until(lambda: run.exit() is not None, "the run to end")
    exit_ = run.exit()
    assert exit_ is not None
    return exit_


async def all_ended(runs: Bench, codes: Mapping[int, tuple[str, ...]]) -> dict[int, Exit]:
    """The endings of many runs, sixteen at a time."""
    turns, endings = iter(codes.items()), {}

    async def lane() -> None:
        for key, argv in turns:
            run = runs.make()
            assert await runs.launch(run, *argv)
            endings[key] = await ended(run)

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(lane())
    return endings


async def test_every_exit_code(runs: Bench) -> None:
    """All 256 codes come back as they were."""
    endings = await all_ended(runs, {code: (*SH, f"exit {code}") for code in range(256)})
    assert {code: (e.kind, e.exit_code, e.signal) for code, e in endings.items()} == {
        code: (ExitKind.EXITED, code, None) for code in range(256)
    }


async def test_every_fatal_signal(runs: Bench) -> None:
    """All signals that end a process come back as they were."""
    program = (
        "import os, resource, signal, sys\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "number = int(sys.argv[1])\n"
        "number == signal.SIGKILL or signal.signal(number, signal.SIG_DFL)\n"
        "os.kill(os.getpid(), number)\n"
    )
    python = (sys.executable, "-I", "-S", "-c", program)
    codes = {int(number): (*python, str(int(number))) for number in FATAL}
    endings = await all_ended(runs, codes)
    assert {number: (e.kind, e.exit_code, e.signal) for number, e in endings.items()} == {
        number: (ExitKind.SIGNALLED, None, number) for number in FATAL
    }


async def test_what_cannot_be_started_says_so(runs: Bench, tmp_path: Path) -> None:
    """A missing, forbidden, foreign or impossible program is no run that ended with 127."""
    plain = tmp_path / "plain"
    plain.write_text("#!/nonexistent/interpreter\n")
    forbidden = tmp_path / "forbidden"
    forbidden.write_text("echo\n")
    plain.chmod(0o700)
    forbidden.chmod(0o600)
    codes = {
        0: ("/nonexistent/program",),
        1: (str(forbidden),),
        2: (str(plain),),
        3: (str(tmp_path),),
        4: ("true", "x" * 3_000_000),
    }
    endings = await all_ended(runs, codes)
    assert {e.kind for e in endings.values()} == {ExitKind.START_FAILED}
    assert {e.exit_code for e in endings.values()} == {None}
    assert (await all_ended(runs, {0: (*SH, "exit 127")}))[0].exit_code == 127


async def orphaned(run: RunDir) -> None:
    """Waits until a run has lost its shim."""
    await wait_until(lambda: run.state() is RunState.ORPHANED, "the shim to be dead")


async def swept(run: RunDir) -> Exit:
    """What comes of a run whose shim died."""
    await orphaned(run)
    exit_ = await asyncio.to_thread(sweep_orphan, run)
    assert exit_ is not None
    return exit_


async def test_a_killed_shim_is_a_lost_run(runs: Bench) -> None:
    """The tree is killed, the log is kept to the last byte, and it is never called a success."""
    run = runs.make()
    assert await runs.launch(run, *SH, "echo one; setsid sleep 60 & echo two; wait")
    await wait_until(lambda: output(run).count(b"\n") == 2, "the output")
    shim = run.shim()
    assert shim is not None
    os.kill(shim.pid, signal.SIGKILL)
    exit_ = await swept(run)
    assert (exit_.kind, exit_.reason) == (ExitKind.LOST, "shim_died")
    assert output(run) == b"one\ntwo\n"
    assert not await runs.launch(run, "true")


async def test_a_run_that_kills_its_shim_is_lost(runs: Bench) -> None:
    """A program that kills its own parent gains nothing: it dies too, and the run is lost."""
    run = runs.make()
    assert await runs.launch(run, *SH, "echo mine; kill -9 $PPID; sleep 60")
    exit_ = await swept(run)
    assert (exit_.kind, exit_.reason) == (ExitKind.LOST, "shim_died")


async def test_another_boot(runs: Bench) -> None:
    """A run of an earlier boot is lost with that reason, and no process is touched for it."""
    run = runs.make()
    fact = ShimFact(os.getpid(), 1, "00000000-0000-0000-0000-000000000000")
    run.write(SHIM, encode(fact), durable=True)
    assert run.shim() == fact
    exit_ = await swept(run)
    assert (exit_.kind, exit_.reason, exit_.verified) == (ExitKind.LOST, "node_restarted", True)
    assert not await runs.launch(run, "true")


async def test_the_first_ending_counts(runs: Bench) -> None:
    """An ending that was written while the run went on stays; the shim's own comes too late."""
    run, goes_on = runs.make(), runs.folder / "goes-on"
    assert await runs.launch(run, *SH, f"until [ -e {goes_on} ]; do sleep 0.02; done; exit 3")
    first = Exit(ExitKind.LOST, reason="shim_died")
    assert run.write_exit(first)
    goes_on.touch()
    await wait_until(lambda: not run.locked(), "the shim to leave")
    assert run.exit() == first


async def test_it_gets_three_descriptors_and_no_more(runs: Bench) -> None:
    """Of all that the gateway has open a run sees /dev/null and two pipes."""
    run = runs.make()
    assert await runs.launch(run, *SH, "exec ls -l /proc/self/fd")
    assert (await ended(run)).exit_code == 0
    shown = [line.split()[-3:] for line in output(run).decode().splitlines()[1:]]
    assert [fd for fd, _, target in shown if "/proc/" not in target] == ["0", "1", "2"]
    assert shown[0][2] == "/dev/null"
    assert all(target.startswith("pipe:") for _, _, target in shown[1:3])


async def test_a_process_left_behind_ends_with_its_run(runs: Bench) -> None:
    """A process that holds the output open is waited for a moment and then killed, log sealed."""
    run = runs.make()
    late = "(sleep 30; echo late) & echo soon"
    assert await runs.launch(run, *SH, late)
    assert (await ended(run)).exit_code == 0
    size = run.output_size()
    await wait_until(lambda: not run.locked(), "the shim to leave")
    assert output(run) == b"soon\n"
    assert run.output_size() == size


@pytest.mark.parametrize(
    "code",
    [
        "exec 1>&-; echo x >&2; echo y || exit 4",
        ": > /proc/self/fd/1; echo x >&2; exit 4",
        "echo x > /dev/stderr; exit 4",
        "(echo x > /dev/tty) 2>/dev/null; echo x >&2; exit 4",
        "exec 1>&- 2>&-; exit 4",
    ],
)
async def test_a_run_may_do_what_it_likes_with_its_output(runs: Bench, code: str) -> None:
    """Closing, truncating and reopening the streams changes neither its ending nor ours."""
    run = runs.make()
    assert await runs.launch(run, *SH, code)
    exit_ = await ended(run)
    assert (exit_.kind, exit_.exit_code) == (ExitKind.EXITED, 4)
    assert output(run) in {b"x\n", b""} or output(run).startswith(b"x\n")
