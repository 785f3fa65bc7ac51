"""What came over the landing, written into the run directory here. Blocks for moments."""

from __future__ import annotations

import os
import zlib

from engines.placed.carry import FACTS
from engines.placed.guard import PLACE
from engines.placed.wire import WireError
from engines.rundir.directory import RunDir
from engines.rundir.durable import remove_file
from engines.rundir.plain_files import open_plain
from engines.rundir.progress import PROGRESS

__all__ = ["differs", "state_fact"]


def state_fact(run: RunDir, payload: bytes) -> None:
    """States a fact here as it is stated on the machine."""
    head, _, said = payload.partition(b"\0")
    name = head.decode("ascii", "replace")
    if name == PLACE:
        run.request_kill(0.0, PLACE)
    elif name == PROGRESS:
        fd = open_plain(run.file(PROGRESS), os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            os.write(fd, said[1:])
        finally:
            os.close(fd)
    elif name not in FACTS:
        raise WireError("a fact of no known name")
    elif said[:1] == b"-":
        remove_file(run.file(name))
    else:
        run.write(name, said[1:], durable=False)


def differs(output: int, size: int, checksum: int) -> str:
    """In what the output here differs from what an ending says of it; empty if in nothing."""
    here = os.fstat(output).st_size
    if here != size:
        return f"{here} bytes and not {size}"
    if not checksum:
        return ""
    total, offset = 0, 0
    while data := os.pread(output, 1 << 20, offset):
        total = zlib.crc32(data, total)
        offset += len(data)
    return "" if total == checksum else "another checksum"
