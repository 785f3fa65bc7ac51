"""Where a job works: in the home of its owner or below it, or in a directory of the machine.

OAR document, *POST /jobs*: the home is where a job begins, ``~`` and ``/home/<user>`` stand for it,
and a relative directory is below it.
"""

from __future__ import annotations

from typing import NamedTuple

from protocol.dialects.oar.faults import bad_query
from protocol.errors import GatewayError
from protocol.files import file_path
from protocol.tasks import NUMBER_MARK

__all__ = ["JobPlace", "checked_directory", "job_place", "launching_directory", "output_place"]

_LONGEST = 1000


class JobPlace(NamedTuple):
    """``directory`` is the directory below the home, or one that begins with a slash.

    ``home`` is where the run is begun, ``beyond`` where its code goes then, empty for nowhere.
    """

    directory: str
    home: str
    beyond: str = ""


def checked_directory(text: str) -> str:
    """A directory as it was asked for.

    Raises:
        OarError: 400 if it cannot be one.
    """
    if any(ord(sign) < ord(" ") for sign in text) or len(text) > _LONGEST:
        raise bad_query("the directory is no path")
    return text


def job_place(directory: str, user: str) -> JobPlace:
    """Where a job of that user works.

    Raises:
        OarError: 400 if it is in the home of another, or leads out of that of the user.
    """
    first, _, rest = directory.partition("/")
    if first.startswith("~"):
        if first not in {"~", f"~{user}"}:
            raise bad_query("the directory is in the home of another user")
        directory = rest
    home = f"/home/{user}"
    if directory == home or directory.startswith(f"{home}/"):
        directory = directory.removeprefix(home).lstrip("/")
    if directory.startswith("/"):
        return JobPlace(directory, "/", directory)
    try:
        path = file_path(user, directory)
    except GatewayError as error:
        raise bad_query(f"the directory is no path: {error.message}") from error
    below = "/".join(path.parts)
    return JobPlace(below, f"/{below}")


def output_place(directory: str, file: str) -> str:
    """Where below the home a file of output is, with a mark for the number; empty if it is not.

    ``directory`` is that of the job as it is kept.
    """
    if file.startswith("~/"):
        directory, file = "", file.removeprefix("~/")
    place = f"{directory}/{file}" if directory and not file.startswith("/") else file
    if place.startswith("/"):
        return ""
    return place.replace("%jobid%", NUMBER_MARK)


def launching_directory(directory: str, owner: str) -> str:
    """The directory of a job as clients see it."""
    return directory if directory.startswith("/") else f"/home/{owner}/{directory}".rstrip("/")
