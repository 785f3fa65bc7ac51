"""The code editor of a wheel: CodeMirror where it could be bundled, else that of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from gateway.version import __version__
from tests.gateway.console.driver import Console
from tests.gateway.console.test_weight import LARGEST
from tests.support.absent import missing
from tests.support.browser import browsing, dark
from tests.support.gateway import serving_gateway
from tests.support.lock_files import loose_ends

ROOT = Path(__file__).resolve().parents[3]
CONSOLE = "gateway/console/"


def wheel(folder: Path, editor: str, path: str = "") -> Path:
    """The wheel as pip builds it, with the code editor that is wanted; where npm is on the path."""
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    environment = {**os.environ, "NARTHEX_CODE_EDITOR": editor, "PATH": path or os.environ["PATH"]}
    done = subprocess.run(
        [*words, str(ROOT)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what a wheel with CodeMirror installs."""
    if shutil.which("npm") is None:
        missing("npm is not installed: the code editor is not bundled here")
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel(tmp_path_factory.mktemp("wheel"), "bundled")) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def console(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The console of a gateway that runs from there, in a browser."""
    data = tmp_path_factory.mktemp("data") / "data"
    places = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    with (
        serving_gateway(data, **places) as gateway,
        browsing(tmp_path_factory.mktemp("profile")) as page,
    ):
        yield Console(page, gateway.url)


def test_code_is_written_in_colours_and_run(console: Console) -> None:
    """The bundled editor obeys the page's policy, is read as a form is, and kept over a reload."""
    console.enter("/?page=run")
    host = console.one("code-editor")
    content = host.shadow_root.find_element(By.CSS_SELECTOR, ".cm-content")
    content.click()
    content.send_keys("if true; then", Keys.ENTER, "echo 'in  colours'", Keys.ENTER, "fi")
    keyword = next(
        each
        for each in host.shadow_root.find_elements(By.CSS_SELECTOR, ".cm-line span")
        if each.text == "then"
    )
    line = host.shadow_root.find_element(By.CSS_SELECTOR, ".cm-line")
    assert keyword.value_of_css_property("color") != line.value_of_css_property("color")
    assert content.get_attribute("aria-label") == "Code"
    for night in (False, True):
        dark(console.page, wanted=night)
        assert console.faults() == []
    dark(console.page, wanted=False)

    console.page.refresh()
    host = console.one("code-editor")
    console.until(lambda: "in  colours" in str(host.get_property("value")), "the code again")
    content = host.shadow_root.find_element(By.CSS_SELECTOR, ".cm-content")
    content.click()
    content.send_keys(Keys.CONTROL, Keys.ENTER)
    console.reads("log-view .text", "in  colours")
    assert console.complaints() == []


def test_the_wheel_is_light_and_names_its_licenses(installed: Path) -> None:
    """All that a browser loads stays below the bound, and what is bundled says whose it is."""
    console = installed / CONSOLE
    files = [path for path in console.iterdir() if path.suffix in {".js", ".css", ".html"}]
    files.append(installed / "gateway" / "client" / "js" / "narthex.js")
    assert sum(len(zlib.compress(path.read_bytes(), 9)) for path in files) < LARGEST
    licenses = (console / "code-editor.licenses.txt").read_text("utf-8")
    assert "@codemirror/view 6" in licenses
    assert licenses.count("Permission is hereby granted") > 5
    assert not (console / "codemirror").exists()


def test_a_wheel_without_node_has_the_plain_editor(tmp_path: Path) -> None:
    """Where there is no npm the wheel is built all the same, with the editor of the repository."""
    with zipfile.ZipFile(wheel(tmp_path, "", path="/nowhere")) as archive:
        plain = (ROOT / CONSOLE / "code-editor.js").read_bytes()
        assert archive.read(f"{CONSOLE}code-editor.js") == plain
        assert f"{CONSOLE}code-editor.licenses.txt" not in archive.namelist()
        # What put it there is of the build alone, and imports what is not installed.
        assert "gateway/wheel_parts.py" not in archive.namelist()


def test_what_is_bundled_is_pinned() -> None:
    """The lock file has each package with its hash, and this version."""
    sources = ROOT / CONSOLE / "codemirror"
    assert loose_ends(sources) == []
    assert f'"version": "{__version__}"' in (sources / "package.json").read_text("utf-8")
