"""What a browser loads for the console: little, all named on the page, its texts in one file."""

from __future__ import annotations

import re
import zlib
from importlib.resources import files

CONSOLE = files("gateway").joinpath("console")
CLIENT = files("gateway").joinpath("client/js/narthex.js")
LARGEST = 300_000
LATER = {"code-editor.js", "run-page.js"}
SAID = re.compile(r"""(?:el\("(?:p|h1|h2|button|span|small)"[^"\n]*, |button\()"[A-Z][a-z]+""")


def sources() -> dict[str, str]:
    """The files of the console by name."""
    return {file.name: file.read_text("utf-8") for file in CONSOLE.iterdir() if file.is_file()}


def test_it_is_light() -> None:
    """All files together are far below the bound, compressed each for itself."""
    texts = [*sources().values(), CLIENT.read_text("utf-8")]
    assert sum(len(zlib.compress(text.encode(), 9)) for text in texts) < LARGEST / 4


def test_the_page_names_its_modules() -> None:
    """Each is asked for at once, but for the code editor, which comes after the first page."""
    named = re.findall(r'(?:href|src)="console/([\w-]+\.js)"', sources()["index.html"])
    assert sorted(named) == sorted(
        name for name in sources() if name.endswith(".js") and name not in LATER
    )


def test_nothing_becomes_markup() -> None:
    """No module uses what reads text as markup or as code."""
    for name, text in sources().items():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|\beval\(|new Function",
            text,
        ), name


def test_texts_stand_in_one_file() -> None:
    """No other module says a sentence of its own."""
    for name, text in sources().items():
        if name.endswith(".js") and name != "texts.js":
            assert not SAID.search(text), name
