"""Scripted sessions on a terminal that draws: what a person sees while a run goes on.

tmux is the terminal. Where it is missing these are skipped, but not in CI: what does not need a
drawn screen is tested on a bare one in the other files.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.cli.command import NARTHEX, narthex
from tests.support.absent import missing
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

_SECONDS = 60
BAR = """
import os, time
fd = int(os.environ["NARTHEX_PROGRESS_FD"])
os.write(fd, b"0.42\\n")
print("at work", flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as gateway:
        yield gateway


STAGES = """
import time
import narthex
stages = [{"id": n, "total": 8, "succeeded": 4, "failed": 0, "running": 1} for n in ("map", "sum")]
for number in range(1, 6):
    narthex.progress(0.42, stages)
    time.sleep(0.3)
    print("line", number, flush=True)
time.sleep(300)
"""


class Screen:
    """A terminal of its own server, with one command in it."""

    def __init__(self, socket: Path, columns: int) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        self._columns = columns

    def start(self, *words: str | Path) -> None:
        """Begins a command; its exit code is shown as its last line."""
        command = f"{shlex.join(map(str, words))}; echo left with $?; exec cat"
        size = ["-x", str(self._columns), "-y", "24"]
        kept = {name: one for name, one in os.environ.items() if not name.startswith("NARTHEX_")}
        subprocess.run(
            [*self._tmux, "new-session", "-d", *size, command], check=True, env=kept, timeout=30
        )

    def shown(self, *, colours: bool = False) -> str:
        """What stands on the screen."""
        words = ["capture-pane", "-p", *(["-e"] if colours else [])]
        done = subprocess.run(
            [*self._tmux, *words], capture_output=True, text=True, check=True, timeout=30
        )
        return done.stdout

    def see(self, *texts: str) -> str:
        """Waits until all of these stand on the screen at once."""
        wait_until_sync(
            lambda: all(text in self.shown() for text in texts), f"{texts} on it", _SECONDS
        )
        return self.shown()

    def press(self, key: str) -> None:
        """Presses a key."""
        subprocess.run([*self._tmux, "send-keys", key], check=True, timeout=30)

    def close(self) -> None:
        """Ends it with all that is in it."""
        subprocess.run([*self._tmux, "kill-server"], check=False, timeout=30)


@pytest.fixture(params=[100])
def screen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Screen]:
    """A terminal of so many columns."""
    if not shutil.which("tmux"):
        missing("tmux is not installed: no terminal that draws is used")
    made = Screen(tmp_path / "t", request.param)
    yield made
    made.close()


def run(served: Served, *words: str) -> tuple[str | Path, ...]:
    """A run on the gateway of this module."""
    return (*NARTHEX, "run", *words, "--data-dir", served.data)


@pytest.mark.parametrize("screen", [100, 30], indirect=True)
def test_a_bar_with_its_percent_and_ctrl_c(served: Served, screen: Screen) -> None:
    """State and percent stand below the log, on a narrow terminal too; Ctrl-C says what it does."""
    screen.start(*run(served, BAR, "--engine", "python", "--session", "none"))
    screen.see("at work", "running", "42%")
    screen.press("C-c")
    shown = screen.see("killing task", "left with 130")
    assert "SIGTERM" in "".join(shown.split("\n"))


def test_no_line_is_lost_above_the_bars_of_stages(served: Served, screen: Screen) -> None:
    """Lines come above several rows, which go on below them: each is still there."""
    screen.start(*run(served, STAGES, "--engine", "python", "--session", "none"))
    shown = screen.see("line 5", "stage map", "stage sum", "42%").splitlines()
    printed = [line.strip() for line in shown if line.startswith("line ")]
    assert printed == [f"line {number}" for number in range(1, 6)]
    screen.press("C-c")
    screen.see("left with 130")


@pytest.mark.parametrize("screen", [62], indirect=True)
def test_a_narrow_list_keeps_what_is_typed(served: Served, screen: Screen) -> None:
    """Numbers and states are whole; the code in place of a name is what is cut."""
    code = "# a long comment in the first line of the code\nexit 3"
    words = ("--data-dir", str(served.data))
    narthex("run", "--label", "kind=narrow", code, *words, code=3)
    number = narthex("ps", "-a", "-q", "--label", "kind=narrow", *words).stdout.strip()
    screen.start(*NARTHEX, "ps", "-a", "--label", "kind=narrow", *words)
    shown = screen.see("left with 0")
    (row,) = [line.split() for line in shown.splitlines() if "failed" in line]
    assert row[0] == number
    assert {"shell", "failed", "100%", "3"} <= set(row)
    assert "# a " in shown
    assert "first line of the code" not in shown


def test_a_line_that_has_not_ended_and_colours(served: Served, screen: Screen) -> None:
    """A question is seen before its line ends, and colours are kept."""
    screen.start(*run(served, r"printf '\033[31mred\033[0m\nYour name? '; sleep 300"))
    screen.see("red", "Your name?")
    assert "\x1b[31mred" in screen.shown(colours=True)
    screen.press("C-c")
    screen.see("left with 130")


def test_ctrl_c_twice_leaves(served: Served, screen: Screen) -> None:
    """The second one leaves at once and says what becomes of the task."""
    code = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    screen.start(*run(served, code))
    screen.see("ready")
    screen.press("C-c")
    screen.see("killing task")
    screen.press("C-c")
    shown = screen.see("left; task", "left with 130")
    assert "being killed" in shown or "goes on" in shown
    for number in narthex("ps", "-q", "--data-dir", served.data).stdout.split():
        narthex("kill", "--wait", "--grace", "0", number, "--data-dir", served.data)


def test_a_pipe_has_the_log_alone(served: Served, screen: Screen) -> None:
    """In a pipe there is neither a bar nor a colour, and without a terminal at all nothing else."""
    words = shlex.join(map(str, run(served, r"printf '\033[31mred\033[0m\n'")))
    screen.start("sh", "-c", f"{words} 2>/dev/null </dev/null | od -c")
    screen.see("r   e   d  \\n", "0000004")
