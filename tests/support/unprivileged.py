"""Doing something as somebody without privileges: root may write where others are refused."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["NOBODY", "as_nobody", "needs_root"]

NOBODY = 65534

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give up its privileges")


def as_nobody(act: Callable[[], object], folder: Path) -> None:
    """Does something in ``folder``, which becomes its own, in a process without privileges.

    Use relative names: the way down to the folder may be closed to it.
    """
    os.chown(folder, NOBODY, NOBODY)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.chdir(folder)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            act()
            status = 0
        except BaseException:  # noqa: BLE001 - the parent is told by the status alone
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
