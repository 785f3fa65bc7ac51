"""The published client of OAR's API, as it is: fetched once, and converted to Python 3 there."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Chandler", "fetched_chandler"]

_PACKAGES = ("chandler==0.1.0", "natsort==8.4.0", "colorama==0.4.6")


@dataclass(frozen=True, slots=True)
class Chandler:
    """The program, in the folder that it was installed into."""

    folder: Path

    def run(self, api: str, home: Path, *words: str) -> str:
        """What it prints of the jobs and resources at an address; ``home`` is a folder to use."""
        shipped = (self.folder / "chandler" / "default_chandler.conf").read_text()
        configuration = home / "chandler.conf"
        configuration.write_text(shipped.replace("http://localhost/oarapi", api))
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                "-c",
                "from chandler.main import main; main()",
                *words,
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "PYTHONPATH": str(self.folder),
                "CHANDLER_CONF_FILE": str(configuration),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def fetched_chandler(config: pytest.Config) -> Chandler:
    """The program as it was published for Python 2; kept with pytest's cache for the next time."""
    if importlib.util.find_spec("lib2to3") is None:
        pytest.skip("this Python has no lib2to3: chandler cannot be converted")
    assert config.cache is not None
    folder = config.cache.mkdir("chandler-0.1.0")
    done = folder / "converted"
    if not done.is_file():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        subprocess.run([*command, "--target", str(folder), *_PACKAGES], timeout=100, check=True)
        command = [sys.executable, "-W", "ignore", "-m", "lib2to3", "--write", "--nobackups"]
        subprocess.run([*command, str(folder / "chandler")], timeout=100, check=True)
        done.touch()
    return Chandler(folder)
