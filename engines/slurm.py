"""Slurm as a place: a few of its own commands, and nothing of its libraries.

One ``sbatch`` for a run, one ``squeue`` for all of them. What the batch script does is to become
our porter; its assignment is the script's own input, so that it is in no environment.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence

from engines.contract import Health
from engines.place import JobState, PlaceAway, PlaceRefused, Share, Standing, Ticket

__all__ = ["SlurmPlace"]

_PREFIX = "narthex-"
_COMMAND_SECONDS = 30.0
_SPARE_SECONDS = 300.0
"""What Slurm's own time limit leaves over ours, which is the one that counts."""
_SKEW_SECONDS = 2.0
_AWAY = re.compile(
    r"unable to contact|connection refused|timed out|zero bytes|no route|"
    r"communication|could not (?:connect|establish)|temporarily",
    re.IGNORECASE,
)
_WORDS: Mapping[str, JobState] = {
    **dict.fromkeys(("PENDING", "REQUEUED"), JobState.WAITING),
    **dict.fromkeys(
        ("REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD", "REQUEUE_FED"), JobState.HELD
    ),
    "CONFIGURING": JobState.STARTING,
    **dict.fromkeys(
        ("RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "RESIZING"), JobState.RUNNING
    ),
    **dict.fromkeys(("SUSPENDED", "STOPPED"), JobState.SUSPENDED),
}
"""Slurm's states; one that is not here is an end."""
_TOGETHER = (
    b"#!/bin/sh\ntrap : TERM\np=\n",
    b"""r=0
for i in $p; do
  while wait $i; s=$?; [ $s -gt 128 ] && kill -0 $i 2>/dev/null; do :; done
  [ $s -gt $r ] && r=$s
done
exit $r
""",
)
"""Around the steps of several components: it waits for all, also when it is told to end, for with
it Slurm would end them at once. Its exit status is the largest of theirs.
"""
_EXITS = {
    "75": "the machine could not reach the gateway",
    "76": "the gateway refused the job",
    "77": "the folder for runs on the machine cannot be used",
    "127": "the Python of the setting is not on the machine",
    "126": "the Python of the setting cannot be run on the machine",
    "1": "Narthex is not installed for the Python of the setting, or it is no Python 3.11",
}


class SlurmPlace:
    """A cluster under Slurm.

    Args:
        python: the interpreter on the machines for which this version of Narthex is installed.
        conf: the configuration of Slurm, empty for its own default.
        options: more options of ``sbatch``, such as an account.
    """

    name = "slurm"

    def __init__(self, python: str, conf: str = "", options: Sequence[str] = ()) -> None:
        self._python = python
        self._options = tuple(options)
        # Next to nothing: all of it is what a job starts with.
        self._environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        if conf or "SLURM_CONF" in os.environ:
            self._environment["SLURM_CONF"] = conf or os.environ["SLURM_CONF"]

    def probe(self) -> Health:
        """Asks for the version, the configuration and the clock of the controller."""
        try:
            version = self._call("scontrol", "--version").strip()
            known = self._call("scontrol", "show", "config")
            states = self._call("sinfo", "-h", "-o", "%P %a %D").split("\n")
        except (PlaceAway, PlaceRefused) as error:
            return Health(available=False, detail=str(error))
        detail = f"{version}, KillWait {self._kill_wait(known):g} s, {len(states) - 1} partitions"
        skew = _skew(known)
        if abs(skew) > _SKEW_SECONDS:
            return Health(available=False, detail=f"{detail}, its clock is {skew:+.0f} s off ours")
        return Health(available=True, detail=detail)

    def partitions(self) -> frozenset[str]:
        """The names of all partitions. Raises PlaceAway, PlaceRefused."""
        return frozenset(self._call("sinfo", "-h", "-o", "%R").split())

    def kill_wait(self) -> float:
        """Seconds between the polite and the certain signal. Raises PlaceAway, PlaceRefused."""
        return self._kill_wait(self._call("scontrol", "show", "config"))

    def submit(self, ticket: Ticket) -> str:
        """One batch job, which is never requeued; of shares of different sizes a heterogeneous one.

        Of that Slurm takes the options of each component for themselves.
        """
        common = [f"--job-name={_PREFIX}{ticket.run_id}", "--no-requeue", "--export=ALL"]
        common += ("--chdir=/", "--output=/dev/null", *self._options)
        if ticket.queue:
            common.append(f"--partition={ticket.queue}")
        if ticket.seconds:
            common.append(f"--time={_minutes(ticket.seconds)}")
        if ticket.node:
            common.append(f"--nodelist={ticket.node}")
        components = [[*common, *_resources(share, shared=True)] for share in ticket.shares]
        if not components:
            own = Share(1, ticket.cpus, ticket.memory_mb, ticket.alone)
            one = [*_resources(own, shared=False), f"--nodes={ticket.nodes}", "--ntasks-per-node=1"]
            components.append([*common, *one])
        answer = self._call(
            "sbatch", "--parsable", *_joined(components), given=self._script(ticket)
        )
        handle = answer.strip().partition(";")[0]
        if not handle.isdigit():
            raise PlaceAway(f"sbatch answered {answer[:100]!r}")
        return handle

    def look(self) -> Mapping[str, tuple[Standing, ...]]:
        """All our jobs, those included that ended a moment ago."""
        found: dict[str, tuple[Standing, ...]] = {}
        text = self._call("squeue", "-h", "-t", "all", "--me", "-o", "%j|%i|%T|%r|%N")
        for line in text.splitlines():
            parts = line.split("|")
            if len(parts) != 5 or not parts[0].startswith(_PREFIX):  # noqa: PLR2004 - as asked
                continue
            name, handle, state, reason, node = parts
            handle = handle.partition("+")[0]  # components are one job, by the number of the first
            word = _WORDS.get(state, JobState.OVER)
            if word is JobState.WAITING and "held" in reason.lower():
                word = JobState.HELD
            standing = Standing(handle, word, state, "" if reason == "None" else reason, node)
            run_id = name.removeprefix(_PREFIX)
            found[run_id] = (*found.get(run_id, ()), standing)
        return found

    def explain(self, handle: str) -> str:
        """What the exit status of a porter says that never reached the gateway."""
        try:
            text = self._call("scontrol", "show", "job", "-o", handle)
        except (PlaceAway, PlaceRefused):
            return ""
        found = re.search(r"\bExitCode=(\d+):(\d+)", text)
        return _EXITS.get(found[1], "") if found else ""

    def cancel(self, handle: str) -> None:
        """``scancel``; a job that is over is none."""
        try:
            self._call("scancel", handle)
        except PlaceRefused:
            return

    def hold(self, handle: str) -> None:
        """``scontrol hold``."""
        self._call("scontrol", "hold", handle)

    def release(self, handle: str) -> None:
        """``scontrol release``."""
        self._call("scontrol", "release", handle)

    def resume(self, handle: str) -> None:
        """``scontrol resume``."""
        self._call("scontrol", "resume", handle)

    def change(self, handle: str, seconds: float) -> None:
        """``scontrol update``; Slurm lets its operators alone give a job more time."""
        limit = _minutes(seconds) if seconds else "UNLIMITED"
        self._call("scontrol", "update", f"JobId={handle}", f"TimeLimit={limit}")

    def _script(self, ticket: Ticket) -> bytes:
        porter = [self._python, "-I", "-X", "utf8", "-m", "engines.placed"]
        if not ticket.shares:
            # An exec keeps the batch step one process: what Slurm signals is the porter.
            return b"#!/bin/sh\nexec " + _given(porter, ticket.assignment)
        # One step for all alike: each porter has the whole input and takes its own part. None is
        # ended because another one has ended.
        common = ["--input=all", "--kill-on-bad-exit=0", "--wait=0", "--mpi=none", "--export=ALL"]
        steps = [
            [
                "srun",
                f"--ntasks={share.tasks}",
                f"--cpus-per-task={share.cpus}",
                *common,
                "--chdir=/",
            ]
            for share in ticket.shares
        ]
        if len(steps) == 1:
            return b"#!/bin/sh\nexec " + _given([*steps[0], *porter], ticket.shares[0].assignment)
        # One step of several components would give its input to the first of them alone.
        begun = [
            _given([*step, f"--het-group={at}", *porter], share.assignment, " &") + b'p="$p $!"\n'
            for at, (step, share) in enumerate(zip(steps, ticket.shares, strict=True))
        ]
        return _TOGETHER[0] + b"".join(begun) + _TOGETHER[1]

    def _call(self, *argv: str, given: bytes = b"") -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the arguments are our own or the administrator's
                argv,
                input=given,
                capture_output=True,
                timeout=_COMMAND_SECONDS,
                env=self._environment,
                cwd="/",
                check=False,
            )
        except FileNotFoundError as error:
            raise PlaceAway(f"{argv[0]} is not installed on this machine") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PlaceAway(f"{argv[0]} did not answer") from error
        if done.returncode:
            raise _fault(argv[0], done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace")

    @staticmethod
    def _kill_wait(config: str) -> float:
        found = re.search(r"^KillWait\s*=\s*(\d+)", config, re.MULTILINE)
        return float(found[1]) if found else 30.0


def _resources(share: Share, *, shared: bool) -> list[str]:
    """The options of ``sbatch`` for some tasks alike; ``shared`` if they start with others."""
    wanted = [f"--cpus-per-task={share.cpus}"]
    if shared:
        wanted.append(f"--ntasks={share.tasks}")
    if share.memory_mb and shared:
        # How many of them are on a machine is not known, and one way is for all components.
        wanted.append(f"--mem-per-cpu={math.ceil(share.memory_mb / share.cpus)}M")
    elif share.memory_mb:
        wanted.append(f"--mem={share.memory_mb}M")
    if share.alone:
        wanted.append("--exclusive")
    return wanted


def _given(words: Sequence[str], data: bytes, more: str = "") -> bytes:
    """A line of a script with a command that has some data, without a line feed, as its input."""
    body = data.replace(b"\n", b" ")
    return f"{shlex.join(words)} <<'NARTHEX'{more}\n".encode() + body + b"\nNARTHEX\n"


def _joined(components: Sequence[Sequence[str]]) -> list[str]:
    """The words of ``sbatch`` for several components, as it wants them."""
    words: list[str] = []
    for component in components:
        words += (":", *component) if words else component
    return words


def _minutes(seconds: float) -> int:
    """Slurm's own limit for a run with that one of ours."""
    return math.ceil((seconds + _SPARE_SECONDS) / 60)


def _fault(program: str, text: str) -> PlaceAway | PlaceRefused:
    """What a command that failed means."""
    lines = [re.sub(r"^\w+: (?:error: )?", "", line) for line in text.splitlines() if line.strip()]
    said = " ".join(lines)[:500] or f"{program} failed and said nothing"
    return PlaceAway(said) if _AWAY.search(said) else PlaceRefused(said)


def _skew(config: str) -> float:
    """How far the clock of the controller is ahead of ours, in seconds; 0 if it does not say."""
    found = re.search(r"as of (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", config)
    if not found:
        return 0.0
    there = time.mktime(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    off = there - time.time()
    return 0.0 if abs(off) <= 1.0 else off
