"""Whether tasks can be kept in a sandbox on this machine, and what a program needs there.

For the runner's side; the sandbox itself is made where the task's process is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import engines
from engines.shim.sandbox import Sandbox, command

__all__ = ["missing_for_sandbox", "missing_for_users", "own_paths", "program_paths"]

_PROBE_SECONDS = 20.0
_SHELL = "/bin/sh"
_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/")
_VENV = "pyvenv.cfg"


_NOT_ROOT = (
    "a user for each account needs a gateway that runs as root: a process that refuses privileges,"
    " as those that become tasks do, is given no other user by newuidmap, and nobody else could"
    " read and remove the files of other users"
)


def missing_for_users(network: str = "host", first: int = 1) -> str:
    """Why tasks cannot be users of their own here; empty if they can. Blocks.

    ``first`` is the number of such a user.
    """
    return missing_for_sandbox(network, first) if os.geteuid() == 0 else _NOT_ROOT


def missing_for_sandbox(network: str = "host", uid: int = 0) -> str:
    """Why there can be no sandbox here, found out by making one; empty if there can be. Blocks.

    ``uid`` is the user to be inside, 0 for this one.
    """
    box = Sandbox(network=network, tmp_bytes=1 << 20, later="/narthex", uid=uid, name="probe")
    test = f"test $$ = 2 && ! test -e /proc/1/root/ && test $(id -u) = {uid or os.geteuid()}"
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command(box, -1, (_SHELL, "-c", test)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"no process can be made in one: {error}"
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("no sandbox: ")
        return said.splitlines()[-1] if said else "what it is to hide can be seen in it"
    return ""


def own_paths() -> tuple[str, ...]:
    """What every task may need of this installation: the interpreter, and what a task imports."""
    own = str(Path(engines.__file__).parent)
    return tuple(dict.fromkeys((sys.prefix, sys.base_prefix, own)))


def program_paths(program: str) -> tuple[str, ...]:
    """The folders without which a program that is named by its whole path does not run.

    Of one in the folder ``bin`` of an installation that is the installation, and for a virtual
    environment of Python also the one that it was made from; of another its own folder.
    """
    path = Path(program)
    if not path.is_absolute():
        return ()
    both = dict.fromkeys((path, path.resolve()))
    found = (_installation(one) for one in both if not str(one).startswith(_SYSTEM))
    return tuple(dict.fromkeys(found))


def _installation(program: Path) -> str:
    root = program.parent.parent
    is_one = (root / _VENV).exists() or (root / "lib").is_dir()
    if program.parent.name == "bin" and is_one and root not in (Path("/"), Path.home()):
        return str(root)
    return str(program.parent)
