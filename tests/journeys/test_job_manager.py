"""The job manager as its document prints it: sample calls pasted into a shell, and files."""

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.served import Served
from tests.support.waiting import wait_until_sync

SAMPLE_HOST = "https://sky.io"
SAMPLE_ID = "dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4"

RUN = """curl https://sky.io/api/job/run -X POST --data '{
    "command": "uname -a | wc -l",
}'"""
JOB_INFO = "curl https://sky.io/api/job/job_info/dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4"
LIST_JOBS = "curl https://sky.io/api/list_jobs"
CANCEL = """curl https://sky.io/api/job/cancel -X POST --data '{
    "job_id": "dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4",
}'"""
DELETE = """curl https://sky.io/api/job/cancel -X DELETE --data '{
    "job_id": "dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4",
}'"""


@dataclass(frozen=True, slots=True)
class Answered:
    """What curl got: the status and the body."""

    status: int
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as an object."""
        return dict(json.loads(self.body))


def pasted(served: Served, sample: str, job_id: str = SAMPLE_ID) -> Answered:
    """Runs a sample call in a shell, with only host and id replaced and a token added."""
    options = f"-sS -H 'Authorization: Bearer {served.token}' -w '%{{stderr}}%{{http_code}}'"
    line = sample.replace(SAMPLE_HOST, served.url).replace(SAMPLE_ID, job_id)
    done = subprocess.run(
        ["bash", "-c", line.replace("curl", f"curl {options}", 1)],
        capture_output=True,
        timeout=30,
        check=True,
    )
    return Answered(int(done.stderr), done.stdout)


def started(served: Served, command: str, **fields: object) -> str:
    """The id of a new job."""
    body = json.dumps({"command": command, **fields})
    Path(served.data.parent / "body.json").write_text(body)
    answered = pasted(
        served, f"curl https://sky.io/run --data-binary @{served.data.parent}/body.json"
    )
    assert answered.status == 201, answered.body
    return str(answered.json["job_id"])


def info(served: Served, job: str) -> dict[str, Any]:
    """What is told of a job."""
    return pasted(served, JOB_INFO, job).json


def ended(served: Served, job: str) -> dict[str, Any]:
    """What is told of a job once it has ended."""
    final = ("done", "failed", "cancelled")
    wait_until_sync(lambda: info(served, job)["state"] in final, "the job has ended")
    return info(served, job)


def test_the_sample_calls_work_as_printed(served: Served) -> None:
    """Start, state, list, stop and delete answer as the document says, commas included."""
    answered = pasted(served, RUN)
    assert answered.status == 201
    job = answered.json["job_id"]
    done = ended(served, job)
    assert (done["state"], done["exit_code"]) == ("done", 0)
    answer = pasted(served, f"curl https://sky.io/data/{done['answer_id']}")
    assert (answer.status, answer.body.strip()) == (200, b"1")
    listed = pasted(served, LIST_JOBS)
    assert listed.status == 200
    assert job in listed.json["job_ids"]
    late = pasted(served, CANCEL, job)
    assert late.status == 400
    assert late.json["error"]
    deleted = pasted(served, DELETE, job)
    assert (deleted.status, deleted.json) == (200, {"job_id": job})
    assert pasted(served, JOB_INFO, job).status == 404
    assert pasted(served, DELETE, job).status == 400
    assert job not in pasted(served, LIST_JOBS).json["job_ids"]
    assert pasted(served, f"curl https://sky.io/data/{done['answer_id']}").status == 404


def test_a_running_job_is_cancelled(served: Served) -> None:
    """Stop is answered at once and the job ends as cancelled."""
    job = started(served, "echo begun; sleep 1000")
    wait_until_sync(lambda: info(served, job)["state"] == "running", "the job runs")
    assert info(served, job)["answer_id"] is None
    answered = pasted(served, CANCEL, job)
    assert (answered.status, answered.json) == (200, {"job_id": job})
    cancelled = ended(served, job)
    assert cancelled["state"] == "cancelled"
    assert pasted(served, CANCEL, job).status == 400


def test_a_running_job_is_stopped_to_be_deleted(served: Served) -> None:
    """Delete of an active job ends it and makes it unknown."""
    job = started(served, "sleep 1000")
    wait_until_sync(lambda: info(served, job)["state"] == "running", "the job runs")
    assert pasted(served, DELETE, job).status == 200
    wait_until_sync(lambda: pasted(served, JOB_INFO, job).status == 404, "the job is forgotten")


def test_a_job_works_on_uploaded_files(served: Served, tmp_path: Path) -> None:
    """A binary and inputs are uploaded, placed for the job, and kept when the job goes."""
    (tmp_path / "tool.sh").write_text('#!/bin/sh\nsort "$@"\necho warned >&2\n')
    (tmp_path / "a.txt").write_text("pear\napple\n")
    (tmp_path / "b.txt").write_text("fig\n")
    tool = pasted(
        served, f"curl https://sky.io/data?name=tool.sh --data-binary @{tmp_path}/tool.sh"
    )
    assert tool.status == 201
    files = pasted(
        served,
        f"curl https://sky.io/api/data -F file=@{tmp_path}/a.txt -F file=@{tmp_path}/b.txt",
    )
    ids = files.json["ids"]
    job = started(
        served,
        './binary $JOB_INPUT_FILES; test "$JOB_BINARY" && ls -l a.txt | cut -c 1-10',
        binary=tool.json["id"],
        input_files=ids,
    )
    done = ended(served, job)
    answer = f"curl https://sky.io/data/{done['answer_id']}"
    assert pasted(served, answer).body == b"apple\nfig\npear\n-r--r--r--\n"
    assert pasted(served, f"{answer}?stream=stderr").body == b"warned\n"
    ranged = pasted(served, f"{answer} -H 'Range: bytes=6-8'")
    assert (ranged.status, ranged.body) == (206, b"fig")
    about = pasted(served, f"{answer}/info").json
    assert (about["kind"], about["name"], about["truncated"]) == ("answer", f"{job}.out", False)
    assert pasted(served, DELETE, job).status == 200
    assert pasted(served, f"curl https://sky.io/data/{ids[0]}").body == b"pear\napple\n"
    head = pasted(served, f"curl -I https://sky.io/data/{ids[0]}")
    assert b"content-length: 11" in head.body.lower()
    removed = pasted(served, f"curl -X DELETE https://sky.io/data/{ids[0]}")
    assert (removed.status, removed.json) == (200, {"id": ids[0]})
    assert pasted(served, f"curl https://sky.io/data/{ids[0]}").status == 404
    unknown = pasted(
        served,
        f'curl https://sky.io/run --data \'{{"command": "true", "binary": "{ids[0]}"}}\'',
    )
    assert unknown.status == 400


def test_a_large_upload_comes_back_whole(served: Served, tmp_path: Path) -> None:
    """Megabytes go up and down unchanged, in one stream each way."""
    data = bytes(range(256)) * 40_000
    (tmp_path / "large").write_bytes(data)
    up = pasted(served, f"curl https://sky.io/data -T {tmp_path}/large -X POST")
    assert up.status == 201
    assert up.json["size"] == len(data)
    assert pasted(served, f"curl https://sky.io/data/{up.json['id']}").body == data


def test_a_job_expires(served: Served) -> None:
    """After its time to live an active job is killed and gone, and its files with it."""
    job = started(served, "sleep 1000", ttl=1)
    wait_until_sync(lambda: pasted(served, JOB_INFO, job).status == 410, "the job has expired")
    assert pasted(served, CANCEL, job).status == 400
    assert pasted(served, DELETE, job).status == 400
    assert job not in pasted(served, LIST_JOBS).json["job_ids"]


def test_errors_have_the_documents_shape(served: Served) -> None:
    """Whatever is wrong, the answer is an object with ``error`` and a listed status."""
    for sample, status in [
        ("curl https://sky.io/api/job/run -X POST --data '{}'", 400),
        ("curl https://sky.io/api/job/run -X POST --data '{\"command\": 5}'", 400),
        ("curl https://sky.io/api/job/job_info/x", 400),
        (JOB_INFO, 404),
        (CANCEL, 400),
        (DELETE, 400),
        ("curl 'https://sky.io/list_jobs?state=x'", 400),
        ("curl https://sky.io/api/job/cancel", 405),
        (f"curl https://sky.io/data/{SAMPLE_ID}", 404),
        ("curl https://sky.io/data -F note=x", 400),
    ]:
        answered = pasted(served, sample)
        assert answered.status == status, sample
        assert isinstance(answered.json["error"], str), sample
    stranger = pasted(replace(served, token=SAMPLE_ID), LIST_JOBS)
    assert stranger.status == 401
    assert isinstance(stranger.json["error"], str)
