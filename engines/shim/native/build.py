"""Makes the native shim out of its sources, where there is a C compiler; standard library only.

What is made carries the digest of its sources in its name, so a stale one is never taken for the
one that belongs to this version. Nothing is ever needed: without it runs have the Python shim.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["FLAGS", "BuildError", "build", "compiler", "digest", "find", "program"]

FOLDER = Path(__file__).resolve().parent
FLAGS = (
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-D_FILE_OFFSET_BITS=64",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wshadow",
    "-Wformat=2",
    "-fPIE",
    "-fno-strict-aliasing",
    "-fstack-protector-strong",
)
_HARDENED = ("-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2")
_LINK = ("-pie", "-Wl,-z,relro,-z,now,-z,noexecstack")
_BUILD_SECONDS = 120
_ASK_SECONDS = 5


class BuildError(Exception):
    """The compiler is not there or did not like it."""


def compiler() -> list[str]:
    """The command of the C compiler, CC of the environment before all others; empty if none."""
    asked = shlex.split(os.environ.get("CC", ""))
    for words in (asked, ["cc"], ["gcc"], ["clang"]):
        if words and shutil.which(words[0]):
            return words
    return []


def digest() -> str:
    """A word for these sources and flags."""
    found = hashlib.sha256(" ".join((*FLAGS, *_HARDENED, *_LINK)).encode())
    for path in sorted((*FOLDER.glob("*.c"), *FOLDER.glob("*.h"))):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def program(folder: Path = FOLDER) -> Path:
    """Where what belongs to these sources is, or would be."""
    return folder / f"narthex-shim-{digest()}"


def build(
    folder: Path = FOLDER, *, extra: Sequence[str] = (), sources: Sequence[Path] = ()
) -> Path:
    """Compiles and links it; the program, which appears all at once.

    Args:
        folder: where it goes.
        extra: further flags, such as those of a sanitizer, in the place of the hardened ones.
        sources: other files than all of these.

    Raises:
        BuildError: there is no compiler, or it fails; what it said.
    """
    command = compiler()
    if not command:
        raise BuildError("there is no C compiler")
    target = program(folder)
    folder.mkdir(parents=True, exist_ok=True)
    building = target.with_name(f".{target.name}.{os.getpid()}")
    files = sources or sorted(FOLDER.glob("*.c"))
    flags = (*FLAGS, *(extra or _HARDENED), f'-DNARTHEX_BUILD="{digest()}"', f"-I{FOLDER}")
    try:
        done = subprocess.run(  # noqa: S603 - the compiler of this machine
            [*command, *flags, *map(str, files), *_LINK, "-o", str(building)],
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
        if done.returncode:
            raise BuildError(done.stderr.strip())
        building.replace(target)
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(str(error)) from error
    finally:
        building.unlink(missing_ok=True)
    return target


def find(folder: Path = FOLDER) -> Path | None:
    """What was built of these sources and runs here; None if there is none. Blocks a moment."""
    path = program(folder)
    if not os.access(path, os.X_OK):
        return None
    try:
        said = subprocess.run(  # noqa: S603 - our own program
            [str(path), "--build"], capture_output=True, timeout=_ASK_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return path if said.stdout.decode(errors="replace").strip() == digest() else None
