"""The files that jobs print into, which are told from what the gateway keeps of a run.

OAR document, *GET /media/<file_path>*: clients read ``~/OAR.<id>.stdout``, also while the job runs.
The output of a run is kept by its log, exactly, and shown under this name where there is no file: a
file is written when the job has ended, and its owner may have removed it.
"""

from __future__ import annotations

import re

from protocol.command import Command, Then
from protocol.commands.board import PublicTask
from protocol.commands.control import ReadOutput
from protocol.commands.tasks import ReadTask
from protocol.control import OpenedOutput, Stream
from protocol.dialects.oar.words import NAME
from protocol.errors import GatewayError, Kind, Subject
from protocol.files import FilePath
from protocol.http import Request
from protocol.tasks import ById, ByNumber, Task

__all__ = ["output_at"]

_NUMBERS = re.compile(r"[0-9]{1,15}", re.ASCII)
_STREAMS = (("stdout", Stream.OUT), ("stderr", Stream.ERR))


def output_at(path: FilePath, lines: int, request: Request) -> Command[OpenedOutput]:
    """The output of the caller's job whose file that is; ``lines`` 0 is all of it.

    Raises:
        GatewayError: NOT_FOUND if it is no job's.
    """
    place = "/".join(path.parts)
    numbers = _NUMBERS.findall(path.parts[-1]) if path.parts else []
    if not numbers:
        raise _no_file()

    def printed(task: Task) -> Command[OpenedOutput]:
        if task.dialect == NAME and task.owner == request.user:
            for name, stream in _STREAMS:
                if _file_of(PublicTask.of(task), name) == place:
                    return ReadOutput(ById(task.id), stream, lines=lines)
        raise _no_file()

    return Then(ReadTask(ByNumber(int(numbers[-1]))), printed)


def _file_of(task: PublicTask, name: str) -> str:
    """Where a job says that it prints, from its owner's home; empty for nowhere in it."""
    pattern, directory = task.client.get(name), task.client.get("directory")
    if not isinstance(pattern, str) or pattern.startswith("/"):
        return ""
    file = pattern.replace("%jobid%", str(task.number)).removeprefix("~/")
    return f"{directory}/{file}" if isinstance(directory, str) and directory else file


def _no_file() -> GatewayError:
    return GatewayError(Kind.NOT_FOUND, "there is no such file", subject=Subject.FILE)
