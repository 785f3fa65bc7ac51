"""The published Python SDKs of Linkis, unmodified: fetched once, each into a folder of its own.

Both have one package name, so they cannot be installed side by side; what they need besides
themselves is in the ``test`` extra.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.served import Served, admin_password

__all__ = ["Sdk", "fetched"]

_PACKAGE = "linkis-python-sdk"


@dataclass(frozen=True, slots=True)
class Sdk:
    """One version in its folder."""

    folder: Path

    def run(self, gateway: Served, code: str) -> Any:  # noqa: ANN401 - what the script prints
        """The JSON that a script prints last, which finds ``URL`` and ``PASSWORD`` defined."""
        password = admin_password(gateway.data)
        head = f"import json\nURL, PASSWORD = {gateway.url!r}, {password!r}\n"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", head + code],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def fetched(version: str, config: pytest.Config) -> Sdk:
    """A version as it was published; kept with pytest's cache for the next time."""
    assert config.cache is not None
    folder = config.cache.mkdir(f"{_PACKAGE}-{version}")
    if not (folder / "linkis_python_sdk").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        subprocess.run(
            [*command, "--target", str(folder), f"{_PACKAGE}=={version}"], timeout=100, check=True
        )
    return Sdk(folder)
