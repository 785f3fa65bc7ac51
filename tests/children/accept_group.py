"""Accepts a group, whose spec is in a file, below a folder; for one who dies at it."""

import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.stores.groups import GroupSpec, GroupStore

spec = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=GroupSpec)
store = GroupStore(Path(sys.argv[2]))
store.prepare()
with suppress(OSError):
    Path("/narthex-marks-the-beginning").stat()
store.accept(spec)
