"""What the documents say of settings, files and engines is so."""

import re
import tomllib
from pathlib import Path

import pytest

import gateway.client
from engines.contract import Engine, RunSpec
from tests.support import client_reference

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "gateway" / "docs").rglob("*.md"))]


def page(path: Path) -> str:
    """The path as a reader of the repository writes it."""
    return path.relative_to(ROOT).as_posix()


def leads_to(path: Path) -> list[Path]:
    """The files that a document links to."""
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8"))
    return [(path.parent / link).resolve() for link in links if "://" not in link]


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    """A reader who copies the name of a setting is not refused for it."""
    shipped = tomllib.loads((ROOT / "config.toml").read_text("utf-8"))
    named = re.findall(rf"`({'|'.join(shipped)})\.([a-z_.]+)`", path.read_text("utf-8"))
    for section, name in named:
        table = shipped[section]
        for word in name.split("."):
            assert word in table, f"{section}.{name}"
            table = table[word]


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_every_link_leads_somewhere(path: Path) -> None:
    """No link leads to a file that is not there."""
    assert [target for target in leads_to(path) if not target.exists()] == []


def test_every_page_is_found_from_the_readme() -> None:
    """Who begins at the README and follows links comes to every page."""
    found, new = set[Path](), {README}
    while new:
        found |= new
        targets = {target for path in new for target in leads_to(path)}
        folders = {file for target in targets if target.is_dir() for file in target.glob("*.md")}
        new = {target for target in targets | folders if target.suffix == ".md"} - found
    assert sorted(set(PAGES) - found) == []


def test_the_engine_of_the_documents_is_one(tmp_path: Path) -> None:
    """The engine that the page of engines shows can be made and prepares a run."""
    text = (ROOT / "gateway" / "docs" / "engines.md").read_text("utf-8")
    code = text.split("```python\n")[1].partition("```")[0]
    names: dict[str, type[Engine]] = {}
    exec(code, names)  # noqa: S102 - it is ours
    engine: Engine = names["PerlEngine"]()
    spec = RunSpec("id", "perl", "print 1", tmp_path, tmp_path)
    launch = engine.prepare(spec)
    assert engine.probe().detail
    assert launch.argv == ("perl", str(tmp_path / "script.pl"))
    assert (tmp_path / "script.pl").read_text() == "print 1"


def test_every_decision_has_a_date_and_a_status() -> None:
    """A reader of a decision page sees its number, when it was made and whether it still holds."""
    stated = re.compile(r"\n\nDate: \d{4}-\d\d-\d\d\. Status: (accepted|replaced by \d+)\.\n")
    pages = sorted((ROOT / "gateway" / "docs" / "decisions").glob("*.md"))
    for number, page in enumerate(pages, 1):
        text = page.read_text("utf-8")
        assert page.name.startswith(f"{number:04}-"), page.name
        assert text.startswith(f"# {number}. "), page.name
        assert stated.search(text), page.name
    assert pages


def test_the_page_of_the_client_is_that_of_its_code() -> None:
    """Each public name and signature; ``python -m tests.support.client_reference`` writes it."""
    written = client_reference.PAGE.read_text("utf-8").partition(client_reference.BEGIN)[2]
    assert written.strip() == client_reference.reference().strip()
    for name in gateway.client.__all__:
        assert f"`{name}`" in written or f"## {name}\n" in written, name
