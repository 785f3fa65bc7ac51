"""The extension for VS Code, built outside of the tree with what its lock file pins."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.absent import missing

__all__ = ["CLIENT", "EXTENSION", "alone", "compiled", "installed", "locked", "packaged"]

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = ROOT / "gateway" / "editors" / "vscode"
CLIENT = ROOT / "gateway" / "client" / "js"
_NEEDED = ("typescript", "@types/node", "@types/vscode", "undici-types")
_FRESH = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")


def locked(name: str) -> str:
    """The version of a package that the lock file of the extension pins."""
    packages = json.loads((EXTENSION / "package-lock.json").read_text("utf-8"))["packages"]
    return str(packages[f"node_modules/{name}"]["version"])


def installed(folder: Path, packages: list[str], *, seconds: float = 100) -> None:
    """Puts packages of the npm registry into a folder; skips, but not in CI, if that cannot be."""
    npm = shutil.which("npm")
    if npm is None:
        missing("npm is not installed: the extension for VS Code is not built here")
    (folder / "package.json").write_text("{}")
    try:
        done = subprocess.run(
            [npm, "install", *_FRESH, *packages],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        missing("the npm registry does not answer")
    if done.returncode:
        missing(f"{' '.join(packages)} cannot be installed: {done.stderr.strip()[-300:]}")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lets one process at a time look whether something is in a folder, and put it there."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compiled(node: str, config: pytest.Config, out: Path) -> Path:
    """The modules of the extension in a folder, as ``npm run build`` makes them."""
    assert config.cache is not None
    packages = [f"{name}@{locked(name)}" for name in _NEEDED]
    folder = config.cache.mkdir("-".join(packages).replace("/", "-"))
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    with alone(folder):
        if not compiler.is_file():
            installed(folder, packages)
    types = folder / "node_modules" / "@types"
    words = ["--project", str(EXTENSION), "--outDir", str(out), "--typeRoots", str(types)]
    done = subprocess.run(
        [node, str(compiler), *words], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout
    shutil.copy(CLIENT / "narthex.js", out)
    (out / "package.json").write_text('{"type": "module"}')
    return out


def packaged(config: pytest.Config, build: Path) -> Path:
    """The package that ``npm run package`` makes, from a copy of the sources in that folder."""
    npm = shutil.which("npm")
    if npm is None:
        missing("npm is not installed: the extension for VS Code is not packaged here")
    sources = build / EXTENSION.relative_to(ROOT)
    built = shutil.ignore_patterns("node_modules", "out", "*.vsix")
    shutil.copytree(EXTENSION, sources, ignore=built)
    shutil.copytree(CLIENT, build / CLIENT.relative_to(ROOT))
    assert config.cache is not None
    kept = config.cache.mkdir("vscode-extension")
    with alone(kept):
        for words in (["ci", f"--cache={kept / 'npm'}", "--prefer-offline"], ["run", "package"]):
            done = subprocess.run(
                [npm, *words], cwd=sources, capture_output=True, text=True, timeout=200, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return sources / "narthex.vsix"
