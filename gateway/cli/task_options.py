"""What a task may have, as options of ``run`` and ``submit``, each written once.

The options arrive by the names that the client has for them, so that they go on to it as they are.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import click

from gateway.cli import completing, options
from gateway.cli.given_code import code_of, input_of, settled, source
from gateway.cli.moments import Moment

if TYPE_CHECKING:
    from gateway.client import submission as client

__all__ = ["Asked", "asking"]

_NAME = re.compile(r"[^=\x00]+")
_LONGEST_FILE = 1 << 20
_SECONDS = click.FloatRange(0, 1e9)


@dataclass(frozen=True, slots=True)
class Asked:
    """The code that is to be run, and what it is to have: what the client takes by these names.

    ``after`` in it are words of the command line still: only the gateway knows which tasks they
    mean.
    """

    code: str
    given: client.Asked

    def known(self, meant: Callable[[str], str]) -> client.Asked:
        """All of it, with the tasks that ``meant`` says."""
        after = cast("Sequence[str]", self.given.get("after", ()))
        return {**self.given, "after": tuple(map(meant, after))}


def asking(function: Callable[..., None]) -> Callable[..., None]:
    """All of these options and the code, which arrive together as ``asked``.

    So do those of the command itself that are called as the client calls them.
    """

    @functools.wraps(function)
    def gathered(
        *,
        words: tuple[str, ...],
        file: IO[str] | None,
        from_stdin: bool,
        engine: str | None,
        language: str,
        env_file: Mapping[str, str],
        env: Mapping[str, str],
        **others: Any,  # noqa: ANN401 - as many as there are options
    ) -> None:
        from gateway.client.submission import Asked as Known  # noqa: PLC0415 - help needs none

        code, arguments = code_of(words, file)
        engine, language = settled(engine, language, file.name if file else "", code)
        given = {
            "engine": engine,
            "language": language,
            "env": {**env_file, **env},
            "args": arguments,
            "stdin": input_of(file) if from_stdin else None,
            **_trace(),
            **{name: others.pop(name) for name in Known.__optional_keys__ & others.keys()},
        }
        options.check_texts((code, *given.values()))
        function(asked=Asked(code, cast("client.Asked", given)), **others)

    return source(options.engine(_having(gathered)))


def _trace() -> dict[str, str]:
    """The place in a trace that this environment names, as pipelines and runs of ours do."""
    parent = os.environ.get("TRACEPARENT", "")
    if not parent:
        return {}
    from protocol.trace_context import read_trace  # noqa: PLC0415 - few commands need it

    # What is malformed is no place: it is not for us to refuse the code for it.
    found = read_trace(parent, os.environ.get("TRACESTATE", ""))
    return {"traceparent": found.traceparent, "tracestate": found.state} if found else {}


def _having(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _pairs(_ctx: click.Context, param: click.Parameter, words: Sequence[str]) -> dict[str, str]:
    """Names and values; without a value that of this environment, where that may be."""
    option = param.opts[0]
    found: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not _NAME.fullmatch(name) or (not separator and option != "--env"):
            raise click.UsageError(f"{option} takes NAME=VALUE, not {word!r}")
        if not separator:
            value = _variable(name, option)
        found[name] = value
    return found


def _variable(name: str, option: str) -> str:
    if name not in os.environ:
        raise click.UsageError(f"{option} {name}: this environment has no such variable")
    return os.environ[name]


def _inputs(_ctx: click.Context, _param: click.Parameter, words: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for word in words:
        name, separator, place = word.partition("=")
        path = Path(place if separator else word)
        if not path.is_file():
            raise click.UsageError(f"--input: there is no file {str(path)!r}")
        found[name if separator else path.name] = path
    return found


def _files_of_pairs(
    _ctx: click.Context, _param: click.Parameter, paths: Sequence[Path]
) -> dict[str, str]:
    return {name: value for path in paths for name, value in _read_pairs(path).items()}


def _secrets(_ctx: click.Context, _param: click.Parameter, words: Sequence[str]) -> dict[str, str]:
    """Secrets by name; a value never stands on a command line, where everybody reads it."""
    found: dict[str, str] = {}
    for word in words:
        name, separator, place = word.partition("=")
        if separator and not place.startswith("@"):
            raise click.UsageError(
                f"--secret {name} takes its value from the environment or =@FILE"
            )
        if separator:
            found[name] = _read(Path(place[1:])).removesuffix("\n")
        else:
            found[name] = _variable(name, "--secret")
    return found


def _read_pairs(path: Path) -> dict[str, str]:
    """The variables of a file; blank lines and those that begin with # are none."""
    found: dict[str, str] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, separator, value = text.partition("=")
        if not separator or not _NAME.fullmatch(name):
            raise click.UsageError(f"{path}, line {number}: not NAME=VALUE")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[name] = value
    return found


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"cannot read {path}: {error}") from error
    if len(data) > _LONGEST_FILE:
        raise click.ClickException(f"{path} is larger than {_LONGEST_FILE} bytes")
    return text


_OPTIONS = (
    click.option(
        "--name", default="", metavar="NAME", help="What to call it, also in place of its ID."
    ),
    click.option(
        "--label",
        "tags",
        multiple=True,
        metavar="KEY=VALUE",
        help="A tag that it can be found by; repeatable.",
    ),
    click.option("--queue", default="", metavar="NAME", help="The queue that it waits in."),
    click.option(
        "--after",
        multiple=True,
        metavar="ID",
        shell_complete=completing.tasks,
        help="Start it when this task has ended, however; repeatable.",
    ),
    click.option(
        "--start-at",
        type=Moment(ahead=True),
        default=0,
        metavar="TIME",
        help="When to start it at the earliest: 10m (from now), 18:30 or an ISO 8601 time.",
    ),
    click.option(
        "--workdir",
        default="",
        metavar="FOLDER",
        help="The folder of your files at the gateway that it works in.",
    ),
    click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="[NAME=]FILE",
        callback=_inputs,
        help="Put this file into its folder before, under another name if wanted; repeatable.",
    ),
    click.option(
        "--output",
        "outputs",
        multiple=True,
        metavar="PATTERN",
        help="Fetch these files into this folder when it has ended; repeatable.",
    ),
    click.option(
        "--timeout", type=_SECONDS, default=0.0, metavar="SECONDS", help="How long it may run."
    ),
    click.option(
        "--queue-timeout",
        type=_SECONDS,
        default=0.0,
        metavar="SECONDS",
        help="How long it may wait for its start.",
    ),
    click.option(
        "--conf",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_pairs,
        help="A setting of the engine; repeatable.",
    ),
    click.option(
        "--env",
        "-e",
        multiple=True,
        metavar="NAME[=VALUE]",
        callback=_pairs,
        help="A variable of the task; without a value that of this environment; repeatable.",
    ),
    click.option(
        "--env-file",
        multiple=True,
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        callback=_files_of_pairs,
        help="Variables of the task, a line NAME=VALUE each; repeatable.",
    ),
    click.option(
        "--secret",
        "secrets",
        multiple=True,
        metavar="NAME[=@FILE]",
        callback=_secrets,
        help="A variable of the task that is shown nowhere: from this environment or a file; "
        "repeatable.",
    ),
)
"""In the order of the help."""
