"""The command ``doctor``: what works on this machine, each finding in one line.

Looks and tries, and leaves nothing behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli import options
from gateway.cli.checkup import Finding, Verdict, examine
from gateway.cli.lines import print_record
from gateway.cli.terminal import colourful
from gateway.places import Places

__all__ = ["doctor"]

_COLOURS = {Verdict.WELL: "green", Verdict.WEAK: "yellow", Verdict.MISSING: "red"}


@click.command()
@options.data_dir
@options.as_json
def doctor(data_dir: Path | None, *, as_json: bool) -> None:
    """Say what works on this machine; exit 1 if something essential is missing."""
    findings = examine(Places.of(data_dir))
    if as_json:
        print_record(
            {
                "ok": not any(finding.verdict is Verdict.MISSING for finding in findings),
                "findings": [
                    {"name": f.name, "verdict": str(f.verdict), "detail": f.detail}
                    for f in findings
                ],
            }
        )
    else:
        for finding in findings:
            click.echo(_line(finding))
    if any(finding.verdict is Verdict.MISSING for finding in findings):
        sys.exit(1)


def _line(finding: Finding) -> str:
    word = f"{finding.verdict:<8}"
    if colourful(sys.stdout):
        word = click.style(word, fg=_COLOURS[finding.verdict])
    return f"{word}{finding.name:<14}{finding.detail}"
