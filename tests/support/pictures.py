"""Draws terminal sessions for the pages: commands that are run, and what they print.

``python -m tests.support.pictures`` draws them anew, against a gateway of its own.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.support.served import Served, serving

__all__ = ["PICTURES", "SESSIONS", "draw"]

PICTURES = Path(__file__).resolve().parents[2] / "gateway" / "docs" / "pictures"
WIDTH = 84
SESSIONS = {
    "run": (
        "narthex run 'for i in 1 2 3; do echo \"line $i\"; done; exit 3'",
        "echo $?",
        "narthex run --engine spark \"select 'ann' as who, 1 as n union all select 'bob', 2\"",
    ),
    "tasks": (
        "narthex submit 'while date; do sleep 1; done' | cut -d ' ' -f 1",
        "narthex status 1",
        "narthex kill --wait 1 | cut -d ' ' -f 2-",
        "narthex run --timeout 1 'sleep 60'; echo $?",
        "narthex stauts 1",
    ),
}


def draw(name: str, served: Served) -> str:
    """One session as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    reached = {"NARTHEX_SERVER": served.url, "NARTHEX_TOKEN": served.token, "PATH": path}
    last = 0
    for command in SESSIONS[name]:
        console.print(Text("$ ", "bold green") + Text(command, "bold"))
        if command == "echo $?":
            console.print(str(last))
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
            env={**os.environ, **reached},
        )
        last = done.returncode
        console.print(Text.from_ansi(done.stdout.rstrip()))
    drawn = console.export_svg(title="narthex", unique_id=f"narthex-{name}")
    # A picture loads nothing from elsewhere: it is drawn with the fonts that there are.
    return re.sub(r"\s*(@font-face \{.*?\}|<!--.*?-->)", "", drawn, flags=re.DOTALL)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for name in SESSIONS:
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as gateway:
            (PICTURES / f"{name}.svg").write_text(draw(name, gateway), "utf-8")
