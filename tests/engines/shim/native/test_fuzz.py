"""libFuzzer looks for bytes that hurt the parts of the native shim which read what others wrote.

In long runs only, and where there is a clang with libFuzzer. ``NARTHEX_FUZZ_SECONDS`` is how long
each part is looked at; what it found is printed with the bytes that did it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from engines.shim.launch_request import Bounds, LaunchRequest, encode_request
from engines.shim.native import build
from engines.shim.sandbox import Sandbox
from tests.engines.shim.native.drive import SMALL
from tests.support.absent import missing

SECONDS = int(os.environ.get("NARTHEX_FUZZ_SECONDS", "60"))
LONGEST = 16_384
MEMORY = Path("/dev/shm")  # noqa: S108 - a name of its own is made there
"""Where files cost nothing: on a disk ten times fewer bytes are tried."""
FLAGS = (
    *("-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"),
    *(f"-D{one}" for one in SMALL),
    *("-DLAG_BYTES=100", "-DSTEP_BYTES=30", "-DPIECE_BYTES=64", "-DREAD_BYTES=50"),
)
COMPILERS = ("clang", *(f"clang-{version}" for version in range(22, 11, -1)))

ORDER = LaunchRequest(
    "/spool/live/1", ["sh", "-c", "echo \u00e4\udcff", ""], {"PATH": "/bin", "A": "\ud83d\ude00"},
    "/work", Bounds(1.5, 3, 1 << 20, 0.25, 10, 1 << 30, 64, 1 << 20, 9.0, 15, 1e3), "/run/notify",
    ("secret",), "/work/stdin", ("secret", "c2VjcmV0"), None,
)  # fmt: skip
BOX = Sandbox("loopback", ("/a", "/b"), ("/c",), ("/d",), 1 << 20, "", 1_900_000_001, "ann")
SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "order": (
        encode_request(ORDER),
        encode_request(ORDER._replace(argv=["a"], environment={}, hidden=(), stdin="")),
        encode_request(ORDER._replace(sandbox=BOX)),
        b'["/a", ["\\ud800"], {"": "x"}, "b", [0,0,0,0,0,0,0,0,0,0,0], "", [], "", []]',
    ),
    "requests": (
        b'{"event": "suspend", "at_ms": 1}\n{"event": "resume", "at_ms": 2, "who": "ann"}\n',
        b'{"event": "limit", "at_ms": 1, "seconds": 1.5e3}\n{"torn',
        b'{"event": "signal", "at_ms": 2, "signal": 9, "tree": true, "tags": ["a"], "note": "b"}\n',
        b'{"grace_seconds": 0.5, "wished_ms": 12, "who": "ann"}',
    ),
    "recorder": (
        b"\0\1\5\3a\nb\1\5\7xxxxxxx\6\0\1\5\3y\nz\7\0\1\1\2\n\n",
        b"\4\1\5\x50" + b"line\n" * 16 + b"\2\x40\x30" + b"z" * 48,
        b"\3" + b"\1\1\x20" + b"a" * 32 + b"\2\1\x20" + b"b\n" * 16,
    ),
    "redaction": (
        b"\2\5secret\1ab\3a secret, abab and secsecret",
        b"\1\2aaa\1aaaaaaa",
    ),
    "sentence": (b"a sentence\n and more", "\u20ac\u202e\ufffd\x07".encode(), b"\xe2\x82"),
}


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[Path]:
    """The program that feeds the parts."""
    compiler = next(filter(shutil.which, COMPILERS), "")
    if not compiler:
        missing("there is no clang")
    here = Path(__file__).with_name("fuzz.c")
    parts = [path for path in sorted(build.FOLDER.glob("*.c")) if path.name != "zygote.c"]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", compiler)
        try:
            yield build.build(Path(folder), extra=FLAGS, sources=[*parts, here])
        except build.BuildError as error:
            missing(f"{compiler} builds no fuzzer: {error}")


@pytest.mark.storm
@pytest.mark.timeout(SECONDS + 240)
@pytest.mark.parametrize("part", SEEDS)
def test_no_bytes_hurt(part: str, fuzzer: Path, tmp_path: Path) -> None:
    """Whatever a file or an order holds, no memory is misused and the account is true."""
    seeds, found = tmp_path / "seeds", tmp_path / "found"
    seeds.mkdir()
    found.mkdir()
    for number, data in enumerate(SEEDS[part]):
        (seeds / str(number)).write_bytes(data)
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        done = subprocess.run(
            [
                *(str(fuzzer), str(found), str(seeds), f"-max_total_time={SECONDS}"),
                *(f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=1024"),
                *("-print_final_stats=1", f"-artifact_prefix={tmp_path}/"),
            ],
            env={**os.environ, "NARTHEX_FUZZ": part, "NARTHEX_FUZZ_FOLDER": folder},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS + 120,
            check=False,
        )
    hurt = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert done.returncode == 0, (hurt, done.stderr[-4000:])
    assert not hurt
    tried = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    print(part, *tried)  # noqa: T201 - the figures of a long test
    assert int(tried[0].rsplit(maxsplit=1)[1]) > len(SEEDS[part])
