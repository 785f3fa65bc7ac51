"""Our own engines pass the suite that every engine must pass."""

from __future__ import annotations

import pytest

from engines.contract import Engine
from engines.python import PythonEngine
from engines.scripted import ScriptedEngine
from engines.shell import ShellEngine
from engines.suite import Dialogue, EngineSuite


class TestBash(EngineSuite):
    """The shell engine with bash."""

    @pytest.fixture
    def engine(self) -> Engine:
        """The shell engine as it is."""
        return ShellEngine()

    @pytest.fixture
    def dialogue(self) -> Dialogue:
        """Bash scripts."""
        return Dialogue(
            language="bash",
            hello="echo hello; echo oops >&2",
            fails="exit 7",
            many="for ((i = 1; i <= 10000; i++)); do echo line $i; done",
            stubborn="trap '' TERM; echo ready; sleep 300 & wait; sleep 300",
            leaves="setsid sleep 300 & exit 0",
            nonsense="if then (",
        )


class TestSh(TestBash):
    """The shell engine with sh -c."""

    @pytest.fixture
    def dialogue(self) -> Dialogue:
        """Code for any sh."""
        return Dialogue(
            language="sh",
            hello="echo hello; echo oops >&2",
            fails="exit 7",
            many="i=1; while [ $i -le 10000 ]; do echo line $i; i=$((i + 1)); done",
            stubborn="trap '' TERM; echo ready; sleep 300 & wait; sleep 300",
            leaves="setsid sleep 300 & exit 0",
            nonsense="if then (",
        )


class TestScripted(EngineSuite):
    """The scripted engine."""

    @pytest.fixture
    def engine(self) -> Engine:
        """The scripted engine as it is."""
        return ScriptedEngine()

    @pytest.fixture
    def dialogue(self) -> Dialogue:
        """Scripts in its language."""
        return Dialogue(
            language="scripted",
            hello="print hello\nerror oops",
            fails="exit 7",
            many="lines 10000",
            stubborn="ignore TERM\nprint ready\nsleep 300",
            leaves="fork 300",
            nonsense="dance",
        )


class TestPython(EngineSuite):
    """The Python engine with scripts."""

    @pytest.fixture
    def engine(self) -> Engine:
        """The Python engine as it is."""
        return PythonEngine()

    @pytest.fixture
    def dialogue(self) -> Dialogue:
        """Python scripts."""
        stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        return Dialogue(
            language="python",
            hello="import sys\nprint('hello')\nprint('oops', file=sys.stderr)",
            fails="raise SystemExit(7)",
            many="for i in range(1, 10001): print('line', i)",
            stubborn=f"{stubborn}print('ready')\ntime.sleep(300)",
            leaves="import subprocess\nsubprocess.Popen(['sleep', '300'], start_new_session=True)",
            nonsense="if then (",
        )
