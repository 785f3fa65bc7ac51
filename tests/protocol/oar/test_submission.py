"""Submissions: from a hash to what is asked of the core (sections 7.1, 7.4 and 7.6)."""

from __future__ import annotations

import subprocess
from datetime import datetime

import pytest

from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.job_script import code_of_command, code_of_script, command_of
from protocol.dialects.oar.submission import MAX_ARRAY, executed, read_job
from protocol.media import JsonObject
from tests.protocol.oar.asked import NOW_MS


def test_every_option_finds_its_place() -> None:
    """Section 7.1: keys are long options, lists repeat them, toggles take 1."""
    job = read_job(
        {
            "command": "./run $X",
            "resource": ["/core=2,walltime=1", "/core=1,walltime=2"],
            "type": ["besteffort", "idempotent", "timesharing"],
            "name": "mine",
            "project": "p",
            "property": "mem > 3",
            "checkpoint": 60,
            "hold": "1",
            "anterior": [3, "4"],
            "stdout": "out.%jobid%",
            "yaml": "1",
            "notify": "",
        },
        NOW_MS,
    )
    asked = executed(job, "ann")
    assert asked.hold
    assert asked.shared
    assert [ref.number for ref in asked.after if hasattr(ref, "number")] == [3, 4]
    assert asked.warn is not None
    assert (asked.warn.signal, asked.warn.seconds) == (12, 60)
    assert asked.wants is not None
    assert asked.wants.preemptible
    assert [shape.seconds for shape in asked.wants.shapes] == [3600, 7200]
    assert asked.wants.shapes[0].groups[0].filter.text == "mem > 3"
    assert asked.client["types"] == ["besteffort", "idempotent", "timesharing=*,*"]
    assert asked.client["queue"] == "besteffort"
    assert asked.environment["OAR_JOB_WALLTIME"] == "2:0:0"
    assert asked.environment["OAR_STDOUT"] == "out.%jobid%"
    assert "./run" not in str(asked.client), "what others may be told holds no command"
    assert "[ADMISSION RULE] Automatically redirect in the besteffort queue" in job.says


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"command": ""},
        {"name": "x"},
        {"command": "a", "unknown": 1},
        {"command": "a", "interactive": 1},
        {"command": "a", "array": 0},
        {"command": "a", "array": -1},
        {"command": "a", "array": MAX_ARRAY + 1},
        {"command": "a", "array": "many"},
        {"command": "a", "param_file": "# nothing\n\n"},
        {"command": "a", "type": "strange"},
        {"command": "a", "type": "deploy"},
        {"command": "a", "type": "besteffort=3"},
        {"command": "a", "queue": "besteffort"},
        {"command": "a", "reservation": "tomorrow"},
        {"command": "a", "reservation": "2001-01-01 00:00:00"},
        {"command": "a", "reservation": "2001-13-01 00:00:00"},
        {"command": "a", "checkpoint": "soon"},
        {"command": "a", "checkpoint": 1.5},
        {"command": {"a": 1}},
        {"command": "a", "resource": {"a": 1}},
        {"command": "a", "resource": [["x"]]},
        {"command": "a", "hold": "perhaps"},
        {"command": "a", "anterior": "x"},
        {"command": "a", "stdout": "a;b"},
        {"command": "a", "name": "a\nb"},
        {"command": "a", "directory": "a\0b"},
        {"command": "a", "notify": "exec:/bin/x"},
        {"command": "a", "connect": 1},
        {"command": "a", "array-param-file": "/etc/passwd"},
        {"command": "a", "scanscript": 1},
        {"script": "#!/bin/sh\n#OAR --bad 1", "scanscript": 1},
        {"script": "#!/bin/sh\n#OAR -l 'x", "scanscript": 1},
        {"script": "#!/bin/sh\n#OAR -l", "scanscript": 1},
        {"command": "a", "resource": "/core=1"} | {"property": "1 or (1=1"},
    ],
)
def test_what_is_no_submission_is_refused(data: JsonObject) -> None:
    """Sections 7.1 and 15: a client's mistake is 400, with a sentence."""
    with pytest.raises(OarError) as refusal:
        read_job(data, NOW_MS)
    assert refusal.value.status == 400
    assert refusal.value.message


def test_lines_of_a_script_are_options() -> None:
    """Section 7.4: single options of the body win, lists are joined; only behind a hash mark."""
    script = "#!/bin/sh\n#OAR -l /core=2,walltime=1 -n theirs\n#OAR --type besteffort\necho hi\n"
    job = read_job({"script": script, "scanscript": "1", "name": "mine"}, NOW_MS)
    assert job.name == "mine"
    assert job.types == ("besteffort",)
    assert job.walltime == 3600
    bare = read_job({"script": f"\n{script}", "scanscript": "1"}, NOW_MS)
    assert bare.name == ""


def test_a_parameter_file_makes_one_job_for_each_line() -> None:
    """Section 7.1: blanks and comments are no lines; the line goes to the end of the command."""
    job = read_job({"command": "run", "param_file": "a 1\n\n# no\n b 2 \n"}, NOW_MS)
    assert job.parameters == ("a 1", "b 2")
    second = executed(job, "ann", 1, 77)
    assert command_of(second.code) == "run b 2"
    assert second.environment["OAR_ARRAY_ID"] == "77"
    assert second.environment["OAR_ARRAY_INDEX"] == "2"


def test_a_reservation_is_a_date_of_the_server() -> None:
    """Section 7.1: in its time zone; without a command it holds its resources."""
    at = datetime.fromtimestamp(NOW_MS // 1000 + 3600).astimezone()
    job = read_job({"reservation": at.strftime("%Y-%m-%d %H:%M:%S")}, NOW_MS)
    assert job.start == NOW_MS // 1000 + 3600
    assert job.command == "sleep 7200"


def ran(code: str, folder: str) -> str:
    """What code prints when a shell runs it as a job."""
    environment = {
        "NARTHEX_TASK_NUMBER": "7",
        "NARTHEX_NODE_FILE": "/n",
        "NARTHEX_LEAF_FILE": "/dev/null",
        "NARTHEX_RESULTS": f"{folder}/results",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        ["bash", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=20,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_code_of_a_job_runs_what_was_written(tmp_path: object) -> None:
    """Sections 7.1 and 7.6: verbatim, in its directory, with the variables that OAR sets."""
    where = str(tmp_path)
    command = "echo \"$OAR_JOB_ID $OAR_ARRAY_ID $OAR_NODEFILE\" '$X' `pwd`"
    assert ran(code_of_command(command), where) == f"7 7 /n $X {where}\n"
    assert ran(code_of_command("pwd", "/"), where) == "/\n"
    script = "#!/usr/bin/env bash\necho \"$1 $OAR_JOB_ID\"\ncat <<'OAR_END'\nx\nOAR_END\n"
    assert ran(code_of_script(script, "'a b'"), where) == "a b 7\nx\n"
    assert ran(code_of_script("echo plain"), where) == "plain\n"


def test_what_the_owner_wrote_is_found_again() -> None:
    """Section 6.4: the command is told as it was sent; nothing is made of any other code."""
    assert command_of(code_of_command("a\nb", "/x")) == "a\nb"
    script = "#!/bin/sh\necho 1\n"
    assert command_of(code_of_script(script, "p")) == script
    assert command_of("echo other") == ""
