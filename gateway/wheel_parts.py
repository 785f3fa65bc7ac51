"""Puts into a wheel what is built: the code editor of the console and the native shim.

The editor has CodeMirror where npm and its registry are; without them it is the plain one of the
repository. ``NARTHEX_CODE_EDITOR`` decides it: ``bundled`` makes the build fail where that cannot
be, ``plain`` asks no registry for anything.

The shim is compiled where there is a C compiler; without one, or if it fails, runs have the Python
one. ``NARTHEX_NATIVE=0`` leaves it out, for a wheel that fits every machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_CONSOLE = Path("gateway") / "console"
_EDITOR = "code-editor.js"
_LICENSES = "code-editor.licenses.txt"
_SETTING = "NARTHEX_CODE_EDITOR"
_SECONDS = 90
_FETCH = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--fetch-retries=0",
    "--fetch-timeout=15000",
)
_SHIM = "engines/shim/native"


class BuiltParts(BuildHookInterface[Any]):
    """Adds an editor, and the shim if it can be built; an editable install has only the latter."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel, or what stands for one in a development install, is written."""
        editable = version == "editable"
        self._add_shim(build_data, editable=editable)
        if not editable:
            self._add_editor(build_data)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - as hatchling calls it
        """Called when the wheel is written."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    _scratch: str | None = None

    def _add_editor(self, build_data: dict[str, Any]) -> None:
        console = Path(self.root) / _CONSOLE
        files = {console / _EDITOR: _EDITOR}
        wanted = os.environ.get(_SETTING, "")
        if wanted != "plain":
            try:
                built = self._bundled(console / "codemirror")
                files = {built / name: name for name in (_EDITOR, _LICENSES)}
            except (OSError, subprocess.SubprocessError) as error:
                if wanted == "bundled":
                    raise
                self.app.display_info(f"the console gets its plain code editor: {error}")
        for source, name in files.items():
            build_data["force_include"][str(source)] = str(_CONSOLE / name)

    def _bundled(self, sources: Path) -> Path:
        """The folder of what was built from a copy of the sources; the tree stays as it is."""
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("npm is not installed")
        self._scratch = tempfile.mkdtemp(prefix="narthex-code-editor-")
        copy = Path(self._scratch) / "codemirror"
        shutil.copytree(sources, copy, ignore=shutil.ignore_patterns("node_modules", "out"))
        for words in (["ci", *_FETCH], ["run", "build"]):
            subprocess.run(  # noqa: S603 - a program of the system, with words from here
                [npm, *words], cwd=copy, check=True, capture_output=True, timeout=_SECONDS
            )
        return copy / "out"

    def _add_shim(self, build_data: dict[str, Any], *, editable: bool) -> None:
        """Compiles it next to its sources; a wheel with it fits machines of this kind only."""
        if os.environ.get("NARTHEX_NATIVE") == "0" or sys.platform != "linux":
            return
        build = _build_module(Path(self.root))
        try:
            program = build.build()
        except build.BuildError as error:
            self.app.display_info(f"the native shim is not built: {error}")
            return
        if editable:
            return
        build_data["force_include"][str(program)] = f"{_SHIM}/{program.name}"
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


def _build_module(root: Path) -> Any:  # noqa: ANN401 - a module that is not installed yet
    path = root / _SHIM / "build.py"
    spec = util.spec_from_file_location("narthex_native_build", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
