"""Submissions: from the hash that a client sends to the tasks that are asked for.

OAR document, *POST /jobs*. Every key is a long option of OAR's submit command. What this gateway
does not offer is refused with 400 and not passed over; the keys of OAR's ssh machinery alone are
accepted and said to be without effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from protocol.commands.tasks import Execute
from protocol.control import SIGNALS
from protocol.dialects.oar.faults import bad_query, missing
from protocol.dialects.oar.job_place import checked_directory, job_place, output_place
from protocol.dialects.oar.job_script import code_of_command, code_of_script
from protocol.dialects.oar.options import Options
from protocol.dialects.oar.resource_request import (
    Asked,
    duration_text,
    filter_of,
    read_request,
)
from protocol.dialects.oar.words import NAME
from protocol.expressions import ALWAYS, Expr
from protocol.media import JsonObject
from protocol.resources import Pick, Shape, Wants
from protocol.tasks import Again, ByNumber, Warn

__all__ = ["MAX_ARRAY", "Job", "executed", "read_job"]

MAX_ARRAY = 400
"""Jobs of one array: what one request may carry out, with room to take all of it back."""
_SIGNAL = 12
_CHECKPOINTED = 99
"""With what an idempotent job ends that saved its work and wants to go on."""
_QUEUES: Mapping[str, int] = {"admin": 10, "default": 2, "besteffort": 0}
_TYPES = frozenset({"besteffort", "idempotent", "timesharing"})
_NOT_OFFERED = frozenset(
    [
        "deploy",
        "cosystem",
        "noop",
        "container",
        "inner",
        "placeholder",
        "allowed",
        "token",
        "postpone",
        "deadline",
        "expire",
        "state",
    ]
)
_NO_EFFECT = (
    "use-job-key",
    "import-job-key-from-file",
    "import-job-key-inline",
    "export-job-key-to-file",
)
_FILE = re.compile(r"[a-zA-Z0-9_./%\\ -]{1,1024}", re.ASCII)
_NAME = re.compile(r"[^\x00-\x1f\x7f'\"`$\\/]{1,100}")
_SHARING = "timesharing"


@dataclass(frozen=True, slots=True)
class Job:
    """A submission that was understood.

    ``asked`` are the options as they were given, without what is to be run. ``parameters`` are one
    text for each job of an array. ``says`` is told to the submitter before the ids.
    """

    command: str
    script: bool
    asked: JsonObject
    alternatives: tuple[Asked, ...]
    condition: Expr = ALWAYS
    condition_text: str = ""
    name: str = ""
    project: str = "default"
    queue: str = "default"
    types: tuple[str, ...] = ()
    directory: str = ""
    stdout: str = ""
    stderr: str = ""
    after: tuple[int, ...] = ()
    checkpoint: int = 0
    signal: int = _SIGNAL
    start: int = 0
    hold: bool = False
    resubmit: int = 0
    parameters: tuple[str, ...] = ("",)
    says: tuple[str, ...] = field(default=())

    @property
    def walltime(self) -> int:
        """The longest of the walltimes of its alternatives, in seconds."""
        return max(int(one.shape.seconds) for one in self.alternatives)

    @property
    def array(self) -> bool:
        """Whether it is several jobs."""
        return len(self.parameters) > 1


def read_job(data: JsonObject, now_ms: int) -> Job:
    """The submission that a hash is.

    Raises:
        OarError: 400, with the option that is at fault.
    """
    options = Options(data)
    if options.toggle("interactive"):
        raise bad_query("interactive jobs are not offered")
    script = options.text("script")
    command = options.text("command") or options.text("script_path") or script
    start = _start(options.text("reservation"), now_ms)
    if not command and not start:
        raise missing("A job needs a command, a script, a script_path or a reservation")
    if options.toggle("scanscript"):
        if not script or script != command:
            raise bad_query("scanscript needs the text of the script in script")
        options = options.scanned(script)
    says: list[str] = []
    alternatives = tuple(map(read_request, options.texts("resource") or ("/resource_id=1",)))
    if not all(one.timed for one in alternatives):
        says.append("[ADMISSION RULE] Set default walltime to 7200.")
    says.append("[ADMISSION RULE] Modify resource description with type constraints")
    types = tuple(map(_checked_type, options.texts("type")))
    queue = _queue(options.text("queue"), types, says)
    if start and "besteffort" in types:
        raise bad_query("a job of type besteffort cannot be a reservation")
    says += [f"{key} is accepted and has no effect here" for key in _NO_EFFECT if options.has(key)]
    property_text = options.text("property")
    job = Job(
        command=command or f"sleep {max(int(one.shape.seconds) for one in alternatives)}",
        script=bool(script) and script == command,
        asked=options.kept(),
        alternatives=alternatives,
        condition=filter_of(property_text) if property_text else ALWAYS,
        condition_text=property_text,
        name=_checked("name", options.text("name")),
        project=_checked("project", options.text("project")) or "default",
        queue=queue,
        types=types,
        directory=checked_directory(options.text("directory")),
        stdout=_file("stdout", options.text("stdout")),
        stderr=_file("stderr", options.text("stderr")),
        after=tuple(options.number_in(one, "anterior") for one in options.texts("anterior")),
        checkpoint=options.number("checkpoint"),
        signal=_signal(options.number("signal") or _SIGNAL),
        start=start,
        hold=options.toggle("hold"),
        resubmit=options.number("resubmit"),
        parameters=_parameters(options),
        says=tuple(says),
    )
    options.refuse_unknown()
    return job


def executed(job: Job, user: str, at: int = 0, array: int = 0) -> Execute:
    """What is asked of the core for the job at a place of its array, from 0.

    ``array`` is the number of the first job of the array, 0 for that one itself.
    """
    walltime = job.walltime
    out, err = _files(job)
    place = job_place(job.directory, user)
    words: dict[str, object] = {
        "name": job.name,
        "project": job.project,
        "queue": job.queue,
        "types": list(job.types),
        "directory": place.directory,
        "wanted": "".join(one.text for one in job.alternatives),
        "properties": job.condition_text,
        "walltime": walltime,
        "stdout": out,
        "stderr": err,
        "array": array,
        "index": at + 1,
        "after": list(job.after),
        "start": job.start,
        "checkpoint": job.checkpoint,
        "signal": job.signal,
        "resubmit": job.resubmit,
        "script": job.script,
        "parameter": job.parameters[at],
        "asked": job.asked,
    }
    environment = {
        "OAR_ARRAY_INDEX": str(at + 1),
        "OAR_ARRAYINDEX": str(at + 1),
        "OAR_JOB_NAME": job.name,
        "OAR_PROJECT_NAME": job.project,
        "OAR_USER": user,
        "OAR_JOB_WALLTIME": duration_text(walltime),
        "OAR_JOB_WALLTIME_SECONDS": str(walltime),
        "OAR_STDOUT": out,
        "OAR_STDERR": err,
    } | ({"OAR_ARRAY_ID": str(array)} if array else {})
    parameter = job.parameters[at]
    if job.script:
        code = code_of_script(job.command, parameter, place.beyond)
    else:
        code = code_of_command(f"{job.command} {parameter}".strip(), place.beyond)
    return Execute(
        engine="shell",
        language="bash",
        code=code,
        dialect=NAME,
        client=words,
        environment=environment,
        seconds=float(walltime),
        wants=_wants(job),
        hold=job.hold,
        start_at_ms=job.start * 1000,
        after=tuple(ByNumber(number) for number in job.after),
        warn=Warn(job.signal, float(job.checkpoint)) if job.checkpoint else None,
        home=place.home,
        outputs=(output_place(place.directory, out), output_place(place.directory, err)),
        shared=True,
        again=Again("resubmit", _CHECKPOINTED, job.signal) if "idempotent" in job.types else None,
    )


def _wants(job: Job) -> Wants:
    shapes = tuple(
        Shape(
            tuple(Pick(pick.filter.both(job.condition), pick.levels) for pick in one.shape.groups),
            one.shape.seconds,
        )
        for one in job.alternatives
    )
    wants = Wants(shapes, preemptible="besteffort" in job.types)
    if job.queue in _QUEUES:
        return replace(wants, priority=_QUEUES[job.queue])
    return replace(wants, queue=job.queue, priority=_QUEUES["default"])


def _files(job: Job) -> tuple[str, str]:
    """The patterns of the files of its output."""
    name = f"OAR.{job.name}" if job.name else "OAR"
    return job.stdout or f"{name}.%jobid%.stdout", job.stderr or f"{name}.%jobid%.stderr"


def _parameters(options: Options) -> tuple[str, ...]:
    lines = [line.strip() for line in options.text("param_file").splitlines()]
    found = tuple(line for line in lines if line and not line.startswith("#"))
    count = options.number("array") if options.has("array") else 0
    if options.has("array") and not count:
        raise bad_query("an array has at least one job")
    if options.has("param_file") and not found:
        raise bad_query("the parameter file has no line")
    found = found or ("",) * (count or 1)
    if len(found) > MAX_ARRAY:
        raise bad_query(f"an array has at most {MAX_ARRAY} jobs here")
    return found


def _queue(name: str, types: tuple[str, ...], says: list[str]) -> str:
    if "besteffort" in types and name in {"", "default", "besteffort"}:
        says.append("[ADMISSION RULE] Automatically redirect in the besteffort queue")
        return "besteffort"
    if name == "besteffort":
        raise bad_query("Error: a job in the besteffort queue must be of type besteffort")
    return name or "default"


def _checked_type(text: str) -> str:
    name = re.split(r"[=:]", text.strip(), maxsplit=1)[0]
    if name in _NOT_OFFERED:
        raise bad_query(f"Error: jobs of type {name} are not offered here")
    if name not in _TYPES or (name != _SHARING and name != text.strip()):
        raise bad_query(f"Error: unknown job type: {text[:60]}")
    return f"{_SHARING}=*,*" if text.strip() == _SHARING else text.strip()


def _start(text: str, now_ms: int) -> int:
    """When a reservation starts, in seconds since the epoch; 0 for none."""
    if not text:
        return 0
    try:
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise bad_query("a reservation is a date like 2030-12-31 23:59:00") from error
    start = int(local.astimezone(UTC).timestamp())
    if start * 1000 < now_ms:
        raise bad_query("Reservation not valid --> KO (the start date is in the past)")
    return start


def _signal(number: int) -> int:
    if number not in SIGNALS.values():
        raise bad_query(f"signal {number} cannot be sent to a job before its walltime")
    return number


def _checked(what: str, text: str) -> str:
    if text and not _NAME.fullmatch(text):
        raise bad_query(f"the {what} has up to 100 characters without quotes and slashes")
    return text


def _file(what: str, text: str) -> str:
    if text and not _FILE.fullmatch(text):
        raise bad_query(f"{what} may hold letters, digits and characters of _./%- alone")
    return text
