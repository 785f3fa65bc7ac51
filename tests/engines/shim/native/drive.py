"""The parts of the native shim, fed by a small program that is built around them."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from struct import pack
from typing import Any

from engines.shim.native import build
from tests.support.absent import missing
from tests.support.small_lines import PART, SLICE, WAITING, WAITING_MS

__all__ = ["PLAIN", "SANITIZED", "SMALL", "drive", "entry", "lines_of", "piece"]

SMALL = (
    *(f"MAX_PART={PART}", f"MAX_WAITING={WAITING}", f"MAX_WAITING_MS={WAITING_MS}"),
    f"SLICE={SLICE}",
)
"""The limits of lines, as small as the properties of lines have them."""
PLAIN = ("-Wconversion", "-Wno-sign-conversion")
SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_SECONDS = 60


@functools.cache
def _program(extra: tuple[str, ...]) -> Path:
    if not build.compiler():
        missing("there is no C compiler")
    folder = Path(tempfile.mkdtemp(prefix="narthex-drive-"))
    parts = [path for path in sorted(build.FOLDER.glob("*.c")) if path.name != "zygote.c"]
    return build.build(folder, extra=extra, sources=[*parts, Path(__file__).with_name("drive.c")])


def drive(kind: tuple[str, ...], data: bytes, *words: str, small: Sequence[str] = ()) -> str:
    """What a part says of its input; it must end well."""
    program = _program((*kind, *(f"-D{one}" for one in small)))
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0"}
    done = subprocess.run(
        [str(program), *words],
        input=data,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, (done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout.decode()


def piece(data: bytes) -> bytes:
    """Bytes with their length before them."""
    return pack("<I", len(data)) + data


def entry(kind: int, time_ms: int, data: bytes) -> bytes:
    """One read of a stream for the recorder."""
    return pack("<BQ", kind, time_ms) + piece(data)


def lines_of(said: str) -> list[Any]:
    """Lines of JSON."""
    return [json.loads(line) for line in said.splitlines()]
