"""The command ``doctor``: what works on this machine, each finding in one line.

Looks and tries, and leaves nothing behind. On demand it reads the logs of all finished runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli import options
from gateway.cli.checkup import Finding, Verdict, examine
from gateway.cli.lines import print_record
from gateway.cli.terminal import colourful
from gateway.cli.verify import Bad, verify_finished
from gateway.data_paths import DataPaths

__all__ = ["doctor"]

_COLOURS = {Verdict.WELL: "green", Verdict.WEAK: "yellow", Verdict.MISSING: "red"}


@click.command()
@options.data_dir
@options.as_json
@click.option("--verify", is_flag=True, help="Read what is kept of all finished runs instead.")
def doctor(data_dir: Path | None, *, as_json: bool, verify: bool) -> None:
    """Say what works on this machine; exit 1 if something essential is missing.

    With --verify say whether the logs of all finished runs are what was recorded; exit 1 if not.
    """
    if verify:
        _verify(DataPaths.of(data_dir), as_json=as_json)
        return
    findings = examine(DataPaths.of(data_dir))
    if as_json:
        print_record(
            {
                "type": "check",
                "ok": not any(finding.verdict is Verdict.MISSING for finding in findings),
                "findings": [
                    {"name": f.name, "verdict": str(f.verdict), "detail": f.detail}
                    for f in findings
                ],
            }
        )
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            click.echo(_line(finding, width))
    if any(finding.verdict is Verdict.MISSING for finding in findings):
        sys.exit(1)


def _verify(paths: DataPaths, *, as_json: bool) -> None:
    found = verify_finished(paths, lambda bad: None if as_json else _tell(bad))
    if as_json:
        bad = [{"run": one.run, "reason": one.reason} for one in found.bad]
        print_record(
            {"type": "verified", "ok": not bad, "runs": found.runs, "bytes": found.size, "bad": bad}
        )
    else:
        reported = f"{len(found.bad)} of them bad" if found.bad else "all sound"
        click.echo(f"{found.runs} finished runs with {found.size} bytes of output: {reported}")
    if found.bad:
        sys.exit(1)


def _tell(bad: Bad) -> None:
    click.echo(f"{bad.run}: {bad.reason}")


def _line(finding: Finding, width: int) -> str:
    word = f"{finding.verdict:<8}"
    if colourful(sys.stdout):
        word = click.style(word, fg=_COLOURS[finding.verdict])
    return f"{word}{finding.name:<{width}}  {finding.detail}"
