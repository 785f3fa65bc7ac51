"""Everything is killed in the middle of an OpenPAI job of two roles that is tried again.

Gateway, runner and supervisor die at once and Redis loses all it knew, in the first attempt and in
the second, in which the shims die as well. The job ends with the attempts, codes and logs that it
would have had; the attempt whose shims died is lost, which is a trouble of the platform and is not
held against the job. No attempt can end before its time: it waits in the middle for a file.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.redis_server import OwnRedis, own_redis
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

LINES = 6
SAY = """
echo $PPID > HERE/$NARTHEX_ATTEMPT-$PAI_TASK_ROLE_NAME-$PAI_TASK_INDEX.new
mv HERE/$NARTHEX_ATTEMPT-$PAI_TASK_ROLE_NAME-$PAI_TASK_INDEX.new \
  HERE/$NARTHEX_ATTEMPT-$PAI_TASK_ROLE_NAME-$PAI_TASK_INDEX.shim
for n in 1 2 3; do echo $NARTHEX_ATTEMPT $n; done
while [ ! -e HERE/$NARTHEX_ATTEMPT.go ]; do sleep 0.1; done
for n in 4 5 6; do echo $NARTHEX_ATTEMPT $n; done
"""
CODES = "case $NARTHEX_ATTEMPT in 1) exit 3;; 2|3) exit 4;; *) exit 0;; esac"
PATH = "/api/v2/jobs/admin~crashed"
SECONDS = 120


def job(here: Path) -> dict[str, Any]:
    """Two roles; the server ends with a code by attempt, after the workers have ended well."""
    say = SAY.replace("HERE", str(here))
    done = f'd={here}/$NARTHEX_ATTEMPT-$PAI_TASK_INDEX; dirname "$PWD" > $d.new; mv $d.new $d.done'
    # A worker has ended when that is on record in its run directory, not when it says so.
    wait = f"""
for w in 0 1; do
  while [ ! -e {here}/$NARTHEX_ATTEMPT-$w.done ]; do sleep 0.1; done
  run=$(cat {here}/$NARTHEX_ATTEMPT-$w.done)
  while [ -d $run ] && [ ! -e $run/exit ]; do sleep 0.1; done
done
"""
    role = {"dockerImage": "none", "resourcePerInstance": {"cpu": 1, "memoryMB": 64, "gpu": 0}}
    return {
        "protocolVersion": 2,
        "name": "crashed",
        "type": "job",
        "jobRetryCount": 2,
        "prerequisites": [{"name": "none", "type": "dockerimage", "uri": "none"}],
        "taskRoles": {
            "server": {**role, "commands": [say, wait, CODES]},
            "worker": {**role, "instances": 2, "commands": [say, done]},
        },
    }


def asked(gateway: Served, tail: str = "") -> Any:  # noqa: ANN401 - JSON or text
    """What is answered of the job."""
    reply = httpx.get(f"{gateway.url}{PATH}{tail}", headers=gateway.headers, timeout=SECONDS)
    if reply.status_code == 503:  # the index is being restored
        return {"jobStatus": {"attemptId": -1, "state": ""}}
    assert reply.status_code == 200, reply.text
    return reply.json() if "json" in reply.headers["content-type"] else reply.text


def shims(here: Path, attempt: int) -> Mapping[str, int]:
    """The shims of the tasks of an attempt that have begun."""
    return {path.stem: int(path.read_text()) for path in here.glob(f"{attempt}-*.shim")}


def kill_all(gateway: Served, server: OwnRedis, more: Mapping[str, int]) -> None:
    """Nothing of the gateway is left, and Redis knows nothing; ``more`` dies with it."""
    parts = [pid for name in ("gateway.app", "gateway.runner") for pid in gateway.parts(name)]
    assert len(parts) >= 2
    gateway.process.kill()
    for pid in (*parts, *more.values()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    gateway.process.wait(20)
    server.client.flushall()


@pytest.mark.timeout(400)
def test_a_job_ends_as_it_would_have(tmp_path: Path) -> None:
    """Attempts with codes 3, 4 and 0 besides the lost one; each line of each task once."""
    here = tmp_path / "here"
    here.mkdir()

    def begun(attempt: int) -> bool:
        return len(shims(here, attempt)) == 3

    with own_redis(tmp_path / "r") as server:
        url = f"unix://{server.socket}"
        with serving(tmp_path / "data", NARTHEX_REDIS_URL=url) as gateway:
            sent = httpx.post(
                f"{gateway.url}/api/v2/jobs", json=job(here), headers=gateway.headers, timeout=40
            )
            assert sent.status_code == 202, sent.text
            wait_until_sync(lambda: begun(1), "the first attempt to begin", timeout=SECONDS)
            kill_all(gateway, server, {})
        (here / "1.go").touch()  # its tasks end while there is no gateway
        with serving(tmp_path / "data", NARTHEX_REDIS_URL=url) as gateway:
            wait_until_sync(lambda: begun(2), "the second attempt to begin", timeout=SECONDS)
            kill_all(gateway, server, shims(here, 2))
        for attempt in (3, 4):
            (here / f"{attempt}.go").touch()
        with serving(tmp_path / "data", NARTHEX_REDIS_URL=url) as gateway:
            final = {"SUCCEEDED", "FAILED", "STOPPED"}
            wait_until_sync(
                lambda: asked(gateway)["jobStatus"]["state"] in final, "the end", timeout=SECONDS
            )
            judge(gateway)


def judge(gateway: Served) -> None:
    """What is told of the job that has ended."""
    status = asked(gateway)["jobStatus"]
    assert (status["state"], status["appExitCode"], status["attemptId"]) == ("SUCCEEDED", 0, 3)
    assert status["retryDetails"] == {"user": 2, "platform": 1, "resource": 0}
    assert status["retries"] == 3
    assert len(asked(gateway, "/job-attempts")) == 4
    lost = asked(gateway, "/attempts/1")["taskRoles"]
    states = {one["taskState"] for role in lost.values() for one in role["taskStatuses"]}
    assert states <= {"UNKNOWN", "STOPPED"}, states
    assert "UNKNOWN" in states
    for attempt, code in ((0, 3), (2, 4), (3, 0)):
        roles = asked(gateway, f"/attempts/{attempt}")["taskRoles"]
        codes = {
            name: [task["containerExitCode"] for task in role["taskStatuses"]]
            for name, role in roles.items()
        }
        assert codes == {"server": [code], "worker": [0, 0]}, attempt
        expected = "".join(f"{attempt + 1} {number + 1}\n" for number in range(LINES))
        for name, size in (("server", 1), ("worker", 2)):
            for index in range(size):
                task = f"/attempts/{attempt}/taskRoles/{name}/taskIndex/{index}"
                log = asked(gateway, f"{task}/attempts/0/logs/user.pai.stdout")
                assert log == expected, (attempt, name, index)
