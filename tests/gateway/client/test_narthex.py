"""``import narthex``: the client under the name that is installed, and light."""

import json
import subprocess
import sys
from pathlib import Path

import narthex
import pytest

import gateway.client
from gateway.version import __version__

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("sanic", "redis", "rich", "click", "structlog", "pandas", "pyarrow", "engines")


def loaded(program: str) -> dict[str, bool]:
    """Which of these a fresh Python has loaded after a program."""
    names = json.dumps((*HEAVY, "gateway", "httpx"))
    reported = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{program}\nimport sys\nprint([n in sys.modules for n in {names}])",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd="/",
    ).stdout
    found: list[bool] = json.loads(reported.lower())
    return dict(zip(json.loads(names), found, strict=True))


def test_the_import_alone_loads_nothing() -> None:
    """Not even the client, which comes with the first name that is used."""
    assert not any(loaded("import narthex").values())


def test_the_client_needs_no_server() -> None:
    """Neither the server's libraries nor those of a terminal or of frames are loaded by it."""
    found = loaded("import narthex\nnarthex.Client\nnarthex.AsyncClient")
    assert [name for name in HEAVY if found[name]] == []
    assert found["gateway"]
    assert found["httpx"]


def test_the_import_takes_less_than_a_quarter_of_a_second() -> None:
    """Counted as time of the processor, so that a busy machine is no excuse."""
    program = "import time; a = time.process_time(); import narthex; print(time.process_time() - a)"
    spent = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert float(spent) < 0.25


def test_it_is_the_same_client() -> None:
    """All that the client exports, by the same names, and the version."""
    for name in gateway.client.__all__:
        assert getattr(narthex, name) is getattr(gateway.client, name)
    assert narthex.__version__ == __version__
    assert set(gateway.client.__all__) <= set(dir(narthex))


@pytest.mark.parametrize(
    ("name", "words"),
    [("table", "for code that runs in a task"), ("Sync", "has no attribute 'Sync'")],
)
def test_what_is_not_there(name: str, words: str) -> None:
    """A name of the module that tasks find is told from a slip."""
    with pytest.raises(AttributeError, match=words):
        getattr(narthex, name)
