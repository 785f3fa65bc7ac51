"""The never-rules of the architecture, held against the source itself."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.stores import keys

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "engines", "protocol")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def named(path: Path) -> str:
    """The path as a reader of the repository writes it."""
    return path.relative_to(ROOT).as_posix()


def groups(path: Path) -> frozenset[str]:
    """The names under which a file holds task groups: those it opens, is given or keeps."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.AsyncWith):
            found |= {
                ast.unparse(item.optional_vars)
                for item in node.items
                if item.optional_vars and ast.unparse(item.context_expr).endswith("TaskGroup()")
            }
        elif isinstance(node, ast.Assign) and ast.unparse(node.value) == "asyncio.TaskGroup()":
            names = [ast.unparse(target) for target in node.targets]
            opened = {
                ast.unparse(item.context_expr): item.optional_vars
                for entered in ast.walk(ast.parse(path.read_text()))
                if isinstance(entered, ast.AsyncWith)
                for item in entered.items
            }
            for name in names:
                if name in opened:
                    found.add(name)
                    alias = opened[name]
                    if alias is not None:
                        found.add(ast.unparse(alias))
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            target = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            if "TaskGroup" in ast.unparse(node.annotation):
                found |= {target, f"self._{target}"}
    return frozenset(found)


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Every call in a file with the dotted text of what is called."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def imports(path: Path) -> Iterator[str]:
    """The names of all modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Holds the import contracts of pyproject.toml against the tree below ``root``."""
    tool = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(tool), "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
    )


def test_the_import_contracts_hold() -> None:
    """Every layer imports only what stands below it."""
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("protocol/tasks.py", "import asyncio"),
        ("engines/contract.py", "import protocol.tasks"),
        ("gateway/clock.py", "import gateway.dispatch"),
        ("gateway/dispatch.py", "import hiredis"),
        ("protocol/dialects/openpai/names.py", "import protocol.dialects.openpai_old"),
        ("protocol/dialects/openpai_old/refusal.py", "import protocol.dialects.oar"),
    ],
)
def test_a_wrong_import_breaks_a_contract(tmp_path: Path, file: str, line: str) -> None:
    """The contracts can fail: one import in the wrong direction is found."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    victim = tmp_path / file
    victim.write_text(f"{victim.read_text()}\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout


def test_the_protocol_has_no_coroutines() -> None:
    """Nothing in the language waits."""
    for path in (path for path in SOURCES if path.is_relative_to(ROOT / "protocol")):
        found = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        ]
        assert not found, f"{named(path)}:{found[0].lineno}"


def test_the_shim_needs_the_standard_library_only() -> None:
    """The process that outlives everything loads no package but its own layer's light modules."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules)\n"
        "import engines.shim.main, engines.shim.zygote\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.split()
    tops = {name.partition(".")[0] for name in loaded}
    assert tops - {"engines"} <= sys.stdlib_module_names
    assert not tops & {"asyncio", "dataclasses", "inspect", "logging", "pathlib", "subprocess"}


def test_keys_are_made_in_one_module() -> None:
    """No text of a Redis key stands outside the module of keys, not even in a script."""
    root = re.escape(keys.ALL.removesuffix("*"))
    beginning = re.compile(rf"""["']{root}["'\w{{*]""")
    scripts = (ROOT / "gateway" / "stores" / "scripts").rglob("*.lua")
    spelling = [path for path in (*SOURCES, *scripts) if beginning.search(path.read_text())]
    assert list(map(named, spelling)) == ["gateway/stores/keys.py"]


def test_every_task_has_an_owner() -> None:
    """Tasks are made in a task group only, never by the loop or on their own."""
    for path in SOURCES:
        for node, text in calls(path):
            if text.endswith((".create_task", "ensure_future")) or text == "create_task":
                owner = text.rpartition(".")[0]
                assert owner in groups(path), f"{named(path)}:{node.lineno}: {text}"


def test_no_drawers() -> None:
    """No module is named after having no subject."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
    assert not [named(path) for path in SOURCES + TESTS if path.stem in drawers]


def test_files_are_small() -> None:
    """No file passes 450 lines without a reason, test or not, and the dispatch stays below 120."""
    reasons = {
        "gateway/client/js/narthex.js": "one module without imports: it is copied, served and "
        "published as one file, and a page loads it by one request",
    }
    for_browsers = [
        path
        for suffix in ("js", "mjs", "ts", "css")
        for path in (ROOT / "gateway").rglob(f"*.{suffix}")
        if not {"node_modules", "out"} & set(path.parts)
    ]
    sizes = {named(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES + TESTS}
    assert sizes["gateway/dispatch.py"] < 120
    sizes |= {named(path): len(path.read_text("utf-8").splitlines()) for path in for_browsers}
    assert {name for name, size in sizes.items() if size > 450} == set(reasons)


def test_classes_are_small() -> None:
    """No class has more than fifteen public methods without a reason; no reason is left over."""
    reasons = {
        "AsyncClient": "a method for each thing that can be asked",
        "AsyncTask": "as AsyncClient, of one task",
        "Browser": "of tests: what a page of the web clients does, each by its name",
        "Client": "as AsyncClient, without asyncio",
        "Console": "of tests: what a person does on the console's page, each by its name",
        "DataPaths": "a name for each path of the data folder",
        "DirectoryService": "a handler for each verb on people",
        "Directory": "one file that is read and replaced as a whole",
        "RunDir": "the facts of a run, each asked by its name",
        "Task": "as Client, of one task",
        "Spool": "what is done to a run directory from acceptance to removal, each by its name",
    }
    found = set()
    for path in SOURCES + TESTS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                public = [
                    item
                    for item in node.body
                    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
                    and not item.name.startswith("_")
                ]
                if len(public) > 15:
                    found.add(node.name)
    assert found == set(reasons)


def test_nothing_is_mocked() -> None:
    """No test imitates our own code or Redis."""
    forbidden = {"unittest.mock", "mock", "fakeredis", "pytest_mock"}
    for path in TESTS:
        assert not forbidden & set(imports(path)), named(path)


def test_tests_do_not_sleep() -> None:
    """Tests wait for conditions; only the one that waits for them may sleep."""
    exempt = {"tests/support/waiting.py"}
    for path in TESTS:
        if named(path) in exempt or path.is_relative_to(ROOT / "tests" / "children"):
            continue
        if path.is_relative_to(ROOT / "tests" / "benchmarks"):
            continue
        for node, text in calls(path):
            assert text not in {"time.sleep", "asyncio.sleep", "sleep"}, (
                f"{named(path)}:{node.lineno}"
            )


def test_broad_excepts_stand_at_the_boundaries() -> None:
    """Only the HTTP handler, the websocket loop and the two supervisors of one run keep all."""
    boundaries = {
        "engines/shim/main.py",
        "engines/spark/interpreter.py",  # what a user's code raises in the driver's process
        "gateway/transport/http.py",
        "gateway/transport/peer_door.py",  # whoever asks from another node hears of it
        "gateway/transport/websocket.py",
        "gateway/runner/index/reindex_finished.py",  # what one ended run makes fail
        "gateway/runner/run/supervise.py",
        "gateway/services/tasks.py",  # handed on to the call that asked, past the task group
    }
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "BaseException"
                broad = caught in {"Exception", "BaseException"}
                last = node.body[-1]
                passed_on = isinstance(last, ast.Raise) and last.exc is None
                assert not broad or passed_on or named(path) in boundaries, (
                    f"{named(path)}:{node.lineno}"
                )


def test_nothing_is_left_open() -> None:
    """No note to do it later stands in the source."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    for path in SOURCES:
        assert not marks.search(path.read_text()), named(path)
