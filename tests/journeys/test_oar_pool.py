"""OAR jobs on a pool of two nodes with eight cores: what the scheduler and the shim really do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

POOL = "/nodes=node{2}/cpu={2}/core={2}"
ENDED = ("Terminated", "Error")


@pytest.fixture(scope="module")
def oar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The administrator of a gateway with that pool."""
    folder = tmp_path_factory.mktemp("oar") / "data"
    with serving(folder, NARTHEX_RUNNER_POOL=POOL) as served, client(served) as found:
        yield found


def client(served: Served) -> httpx.Client:
    """Sends and reads JSON."""
    headers = {**served.headers, "Accept": "application/json"}
    return httpx.Client(base_url=f"{served.url}/oarapi", headers=headers, timeout=60)


def submitted(oar: httpx.Client, **data: object) -> int:
    """The id of a new job."""
    reply = oar.post("/jobs", json={"command": "true", **data})
    assert reply.status_code == 201, reply.text
    return int(reply.json()["id"])


def job(oar: httpx.Client, number: int) -> dict[str, Any]:
    """All that is told of a job."""
    return dict(oar.get(f"/jobs/{number}/details").json())


def reached(oar: httpx.Client, number: int, *states: str) -> dict[str, Any]:
    """The job once it is in one of these states."""
    wait_until_sync(lambda: job(oar, number)["state"] in states, f"job {number} {states}", 60)
    return job(oar, number)


def acted(oar: httpx.Client, path: str, status: int = 202) -> dict[str, Any]:
    """The answer to an action."""
    reply = oar.post(path)
    assert reply.status_code == status, reply.text
    return dict(reply.json())


def output(oar: httpx.Client, number: int) -> str:
    """What a job printed so far."""
    return oar.get(f"/media/~/{job(oar, number)['stdout_file']}").text


def cores(shown: dict[str, Any]) -> set[int]:
    """The resources that a job was given."""
    return {int(one["id"]) for one in shown["resources"]}


def test_levels_filters_and_alternatives(oar: httpx.Client) -> None:
    """Section 7.2: all leaves below the last level, disjoint groups, the alternative that fits."""
    whole = reached(oar, submitted(oar, resource="/nodes=2/cpu=1"), *ENDED)
    assert len(whole["resources"]) == 4
    assert {one["network_address"] for one in whole["nodes"]} == {"node1", "node2"}
    two = "{network_address='node1'}/cpu=1+{network_address='node2'}/core=1,walltime=0:5"
    mixed = reached(oar, submitted(oar, resource=two), *ENDED)
    held = sorted(one["network_address"] for one in mixed["resources"])
    assert held == ["node1", "node1", "node2"]
    assert mixed["walltime"] == 300
    either = ["/core=64,walltime=0:1", "/core=3,walltime=0:2"]
    assert len(reached(oar, submitted(oar, resource=either), *ENDED)["resources"]) == 3
    narrowed = submitted(oar, resource="/core=1", property="network_address = 'node2'")
    assert reached(oar, narrowed, *ENDED)["nodes"][0]["network_address"] == "node2"


@pytest.mark.parametrize(
    "data",
    [
        {"resource": "/nodes=3"},
        {"resource": "/core=9"},
        {"resource": "/rack=1"},
        {"resource": "/core=1", "property": "rack = 1"},
        {"resource": "/core=1", "property": "core ="},
        {"queue": "nowhere"},
        {"anterior": 10**9},
        {"type": "strange"},
        {"checkpoint": 5, "signal": 9},
        {"nonsense": 1},
    ],
)
def test_what_can_never_run_is_refused(oar: httpx.Client, data: dict[str, object]) -> None:
    """Sections 7.2 and 15: 400 with the reason, and nothing is started."""
    before = oar.get("/jobs", params={"from": 1}).json()["total"]
    reply = oar.post("/jobs", json={"command": "true", **data})
    assert reply.status_code == 400, reply.text
    assert reply.json()["message"]
    assert oar.get("/jobs", params={"from": 1}).json()["total"] == before


def test_an_array_runs_with_its_parameters(oar: httpx.Client) -> None:
    """Section 7: one job a line, one number for all, found by it and deleted by it."""
    lines = "\n".join(f"{at}" for at in range(50))
    reply = oar.post("/jobs", json={"command": "test $OAR_ARRAY_INDEX -eq", "param_file": lines})
    first = int(reply.json()["id"])
    assert f"OAR_ARRAY_ID={first}" in reply.json()["cmd_output"]
    assert reply.json()["cmd_output"].count("OAR_JOB_ID=") == 50
    jobs = {"array": first, "limit": 7}
    assert oar.get("/jobs", params=jobs).json()["total"] == 50
    wait_until_sync(
        lambda: (
            oar.get("/jobs", params={"array": first, "state": "Terminated"}).json()["total"] == 50
        ),
        "the array to end",
        60,
    )
    items = oar.get("/jobs/details", params={"array": first}).json()["items"]
    assert [item["array_index"] for item in items] == list(range(1, 51))
    assert {item["exit_code"] for item in items} == {256}, "its index is one more than its line"
    again = int(oar.post("/jobs", json={"command": "sleep 60", "array": 5}).json()["id"])
    assert acted(oar, f"/jobs/array/{again}/deletions/new")["cmd_output"].count("REGISTERED") == 5
    for number in range(again, again + 5):
        reached(oar, number, "Error")
    acted(oar, f"/jobs/array/{again}/deletions/new", 400)
    acted(oar, "/jobs/array/999999/holds/new", 404)


def test_a_job_waits_for_another_and_for_its_date(oar: httpx.Client) -> None:
    """Section 6.1: ``anterior`` waits for the end, a reservation for its start."""
    first = submitted(oar, command="sleep 1; exit 4")
    second = submitted(oar, anterior=first)
    then = reached(oar, second, *ENDED)
    assert then["dependencies"] == [first]
    assert then["start_time"] >= job(oar, first)["stop_time"]
    at = int(time.time()) + 3
    date = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    reply = oar.post("/jobs", json={"command": "true", "reservation": date})
    assert "Reservation valid --> OK" in reply.json()["cmd_output"]
    shown = reached(oar, int(reply.json()["id"]), *ENDED)
    assert shown["reservation"] == "Scheduled"
    assert shown["start_time"] >= at


def test_hold_resume_suspend_and_signals(oar: httpx.Client) -> None:
    """Section 8: what is allowed in which state, and what the process sees of it."""
    held = submitted(oar, hold=1)
    reached(oar, held, "Hold")
    acted(oar, f"/jobs/{held}/signals/12", 400)
    acted(oar, f"/jobs/{held}/resumptions/new")
    reached(oar, held, "Terminated")
    acted(oar, f"/jobs/{held}/resumptions/new", 400)
    running = submitted(oar, command="trap 'exit 5' USR2; while :; do sleep 0.1; done")
    reached(oar, running, "Running")
    assert "try '-r' option" in acted(oar, f"/jobs/{running}/holds/new", 400)["message"]
    acted(oar, f"/jobs/{running}/rholds/new")
    reached(oar, running, "Suspended")
    acted(oar, f"/jobs/{running}/resumptions/new")
    reached(oar, running, "Running")
    shown = acted(oar, f"/jobs/{running}/signals/12")
    assert f"Signaling the job {running} with 12 signal." in shown["cmd_output"]
    assert reached(oar, running, *ENDED)["exit_code"] == 5 * 256
    acted(oar, f"/jobs/{running}/signals/abc", 404)


def test_walltime_and_checkpoint(oar: httpx.Client) -> None:
    """Sections 6.1 and 7.1: the signal comes before the walltime, which is kept."""
    over = submitted(oar, command="sleep 60", resource="/core=1,walltime=0:0:1")
    ended = reached(oar, over, *ENDED)
    assert (ended["state"], ended["exit_code"]) == ("Error", None)
    assert [one["type"] for one in reversed(ended["events"])] == [
        "FRAG_JOB_REQUEST",
        "WALLTIME",
        "SEND_KILL_JOB",
        "SWITCH_INTO_ERROR_STATE",
    ]
    assert 1 <= ended["stop_time"] - ended["start_time"] <= 4
    warned = submitted(
        oar,
        command="trap 'exit 0' USR2; while :; do sleep 0.1; done",
        resource="/core=1,walltime=0:1:0",
        checkpoint=59,
    )
    assert reached(oar, warned, *ENDED)["state"] == "Terminated"
    longer = submitted(oar, command="sleep 60", resource="/core=1,walltime=0:1")
    refused = oar.post(f"/jobs/{over}", json={"method": "walltime-change", "walltime": "+1"})
    assert refused.status_code == 403
    reached(oar, longer, "Running")
    body = {"method": "walltime-change", "walltime": "+0:1:0"}
    changed = oar.post(f"/jobs/{longer}.json", json=body)
    assert changed.status_code == 202, changed.text
    assert "accepted" in changed.json()["cmd_output"]
    assert job(oar, longer)["walltime"] == 120
    assert job(oar, longer)["walltime-change"]["granted"] == "0:1:0"
    assert oar.post(f"/jobs/{longer}", json={}).status_code == 400
    assert oar.post(f"/jobs/{longer}", json={"method": "dance"}).status_code == 400
    assert oar.post(f"/jobs/{longer}", json={"method": "delete"}).status_code == 202


def test_a_besteffort_job_gives_way(oar: httpx.Client) -> None:
    """Section 16: it is killed when a normal job needs its leaves."""
    modest = submitted(oar, command="sleep 60", resource="/nodes=2", type="besteffort")
    reached(oar, modest, "Running")
    assert job(oar, modest)["queue"] == "besteffort"
    normal = submitted(oar, resource="/nodes=1")
    assert reached(oar, normal, *ENDED)["state"] == "Terminated"
    assert job(oar, modest)["state"] == "Error"


def test_an_idempotent_besteffort_job_is_back_by_itself(oar: httpx.Client) -> None:
    """Section 6.1: killed by the system it is submitted again, and says which job it was."""
    types = ["besteffort", "idempotent"]
    modest = submitted(oar, command="sleep 300", resource="/nodes=2", type=types, name="meek")
    reached(oar, modest, "Running")
    reached(oar, submitted(oar, resource="/nodes=1"), "Terminated")
    killed = reached(oar, modest, "Error")
    names = [one["type"] for one in reversed(killed["events"])]
    assert names[-4:] == [
        "BESTEFFORT_KILL",
        "SEND_KILL_JOB",
        "SWITCH_INTO_ERROR_STATE",
        "RESUBMIT_JOB_AUTOMATICALLY",
    ]
    listed = oar.get("/jobs/details", params={"from": 1, "limit": 0}).json()["items"]
    (back,) = [one["id"] for one in listed if one["resubmit_job_id"] == modest]
    shown = reached(oar, back, "Running")
    assert (shown["name"], shown["types"], shown["command"]) == ("meek", types, "sleep 300")
    acted(oar, f"/jobs/{back}/deletions/new")
    names = [one["type"] for one in reversed(reached(oar, back, "Error")["events"])]
    assert names == ["FRAG_JOB_REQUEST", "SEND_KILL_JOB", "SWITCH_INTO_ERROR_STATE"]


def test_an_idempotent_job_goes_on_after_its_checkpoint(oar: httpx.Client) -> None:
    """Section 6.1: checkpointed and ended with 99 it is submitted again."""
    code = "trap 'exit 99' USR2; echo up; while :; do sleep 0.05; done"
    first = submitted(oar, command=code, type="idempotent")
    reached(oar, first, "Running")
    wait_until_sync(lambda: "up" in output(oar, first), "the job to be ready", 30)
    acted(oar, f"/jobs/{first}/checkpoints/new")
    ended = reached(oar, first, "Terminated")
    assert ended["exit_code"] == 99 * 256
    names = [one["type"] for one in reversed(ended["events"])]
    assert names == ["CHECKPOINT", "CHECKPOINT_SUCCESS", "SWITCH_INTO_TERMINATE_STATE"]
    listed = oar.get("/jobs/details").json()["items"]
    (back,) = [one["id"] for one in listed if one["resubmit_job_id"] == first]
    acted(oar, f"/jobs/{back}/deletions/new")
    reached(oar, back, "Error")


def test_a_job_is_submitted_again(oar: httpx.Client) -> None:
    """Section 8: the same options and command, with links to itself and to the first."""
    old = submitted(oar, command="exit 7", resource="/core=2,walltime=0:3", name="again")
    reached(oar, old, *ENDED)
    shown = acted(oar, f"/jobs/{old}/resubmissions/new", 201)
    assert {one["rel"] for one in shown["links"]} == {"self", "parent"}
    new = reached(oar, int(shown["id"]), *ENDED)
    assert (new["exit_code"], new["name"], new["resubmit_job_id"]) == (7 * 256, "again", old)
    assert len(new["resources"]) == 2
    assert new["walltime"] == 180


def test_resources_are_made_changed_and_removed(oar: httpx.Client) -> None:
    """Sections 9 and 10: described, made all or none, put into a state, removed when Dead."""
    body = {"resources": "/nodes=more{2}/core={2}", "properties": "host=x", "auto_offset": 1}
    made = oar.post("/resources/generate", json=body).json()
    assert [one["core"] for one in made["items"]] == ["9", "10", "11", "12"]
    assert [one["cpuset"] for one in made["items"]] == [0, 1, 0, 1]
    ids = [one["id"] for one in oar.post("/resources", json=made["items"]).json()["items"]]
    assert len(ids) == 4
    assert oar.get("/resources/nodes/more3").json()["total"] == 2
    assert oar.delete(f"/resources/{ids[0]}").status_code == 403
    for one in ids:
        reply = oar.post(f"/resources/{one}/state.json", json={"state": "Dead"})
        assert reply.status_code == 200, reply.text
    assert oar.get(f"/resources/{ids[0]}").json()["state_num"] == 4
    assert oar.delete(f"/resources/{ids[0]}.json").json()["status"] == "deleted"
    assert oar.delete("/resources/more3/1").status_code == 200
    assert oar.get("/resources/nodes/more3").status_code == 404
    assert oar.get(f"/resources/{ids[0]}").status_code == 404
    for one in ids[2:]:
        oar.delete(f"/resources/{one}")
    for bad, status in (
        ({"core": 1}, 400),
        ({"hostname": "a", "colour": "red"}, 400),
        ({"hostname": "a", "state": "Alive"}, 403),
        ([], 400),
    ):
        assert oar.post("/resources", json=bad).status_code == status, bad
    assert oar.post("/resources/999/state", json={"state": "Dead"}).status_code == 404
    assert oar.post("/resources/1/state", json={"state": "Suspected"}).status_code == 400
    assert oar.post("/resources/generate", json={"ressources": "/nodes=a{2}"}).status_code == 400
    assert oar.post("/resources/generate", json={"resources": "a"}).status_code == 400


def test_what_ran_on_a_resource_outlives_it(oar: httpx.Client) -> None:
    """Section 9: a resource that is removed takes nothing of its jobs along."""
    made = oar.post("/resources", json={"hostname": "brief", "core": "99"}).json()["items"]
    leaf = made[0]["id"]
    number = submitted(oar, resource="{network_address='brief'}/core=1", command="echo kept")
    reached(oar, number, "Terminated")
    oar.post(f"/resources/{leaf}/state.json", json={"state": "Dead"})
    assert oar.delete(f"/resources/{leaf}").status_code == 200
    found = job(oar, number)
    assert (found["state"], found["exit_code"]) == ("Terminated", 0)
    assert [one["id"] for one in found["resources"]] == [leaf]
    assert output(oar, number) == "kept\n"
    assert oar.get("/jobs", params={"ids": str(number)}).json()["total"] == 1


def test_what_a_job_finds_in_its_environment(oar: httpx.Client) -> None:
    """Section 7.6: who and what it is, where it works, and a file with its nodes."""
    number = submitted(
        oar,
        command="env | grep ^OAR_; cat $OAR_NODEFILE; cat $OAR_RESOURCE_PROPERTIES_FILE; pwd",
        resource="/nodes=1/core=2,walltime=0:10",
        name="found",
        project="lab",
    )
    reached(oar, number, "Terminated")
    lines = output(oar, number).splitlines()
    found = dict(line.split("=", 1) for line in lines if line.startswith("OAR_"))
    one = str(number)
    wanted = dict.fromkeys(["OAR_JOB_ID", "OAR_JOBID", "OAR_ARRAY_ID", "OAR_ARRAYID"], one)
    wanted |= dict.fromkeys(["OAR_ARRAY_INDEX", "OAR_ARRAYINDEX"], "1")
    wanted |= {"OAR_JOB_NAME": "found", "OAR_PROJECT_NAME": "lab", "OAR_USER": "admin"}
    wanted |= {"OAR_JOB_WALLTIME": "0:10:0", "OAR_JOB_WALLTIME_SECONDS": "600"}
    wanted |= {"OAR_STDOUT": f"OAR.found.{one}.stdout", "OAR_STDERR": f"OAR.found.{one}.stderr"}
    assert wanted.items() <= found.items()
    places = ("OAR_NODEFILE", "OAR_NODE_FILE", "OAR_FILE_NODES", "OAR_RESOURCE_FILE")
    assert len({found[name] for name in places}) == 1
    assert {found[name] for name in ("OAR_WORKDIR", "OAR_WORKING_DIRECTORY", "OAR_O_WORKDIR")} == {
        lines[-1]
    }
    node = job(oar, number)["nodes"][0]["network_address"]
    assert lines.count(node) == 2
    assert sum(f"network_address = '{node}'" in line for line in lines) == 2


def test_a_job_works_in_the_home_of_its_owner(oar: httpx.Client) -> None:
    """Section 7.1: what it writes is a file of the owner's, and so is what it is given."""
    kind = {"Content-Type": "application/octet-stream"}
    assert oar.post("/media/~/given.txt", content=b"seven\n", headers=kind).status_code == 201
    number = submitted(oar, command="tr a-z A-Z < given.txt > made.txt")
    assert reached(oar, number, "Terminated")["exit_code"] == 0
    assert oar.get("/media/~/made.txt").content == b"SEVEN\n"
    assert job(oar, number)["launching_directory"] == "/home/admin"
    script = "#!/bin/sh\necho $1 > here.txt\n"
    lines = {"script": script, "param_file": "one\ntwo", "workdir": "~/deep/down"}
    number = submitted(oar, command="", **lines)
    for one in (number, number + 1):
        assert reached(oar, one, "Terminated")["launching_directory"] == "/home/admin/deep/down"
    assert oar.get("/media/~/deep/down/here.txt").content in {b"one\n", b"two\n"}
    listed = oar.get("/media/ls/~/deep/down").json()["items"]
    assert [one["name"] for one in listed] == ["here.txt"]
    assert oar.post("/media/~/plain", content=b"", headers=kind).status_code == 201
    number = submitted(oar, directory="~/plain")
    failed = reached(oar, number, "Error")
    assert failed["exit_code"] is None
    assert failed["events"][0]["type"] == "WORKING_DIRECTORY"
    for name in ("given.txt", "made.txt", "deep", "plain"):
        assert oar.delete(f"/media/~/{name}").status_code == 204


def test_the_jobs_of_a_resource(oar: httpx.Client) -> None:
    """Section 9: by resource, by node and by the values of a property."""
    number = submitted(oar, command="sleep 60", resource="/nodes=1")
    shown = reached(oar, number, "Running")
    (leaf, *_), node = sorted(cores(shown)), shown["nodes"][0]["network_address"]
    for path in (f"/resources/{leaf}/jobs", f"/resources/nodes/{node}/jobs"):
        assert number in [one["id"] for one in oar.get(path).json()["items"]]
    items = oar.get("/resources/network_address/jobs").json()["items"]
    assert {one["network_address"]: one["jobs"] for one in items}[node] == [number]
    assert oar.get("/resources/nowhere/jobs").status_code == 404
    assert cores(shown) == {
        one["id"] for one in oar.get(f"/jobs/{number}/resources").json()["items"]
    }
    oar.delete(f"/jobs/{number}")
    reached(oar, number, "Error")


def test_lists_are_paged_and_filtered(oar: httpx.Client) -> None:
    """Sections 4 and 6.6: links lead through all of it, the total is that of what fits."""
    numbers = [submitted(oar, hold=1) for _ in range(5)]
    ids = ":".join(map(str, numbers))
    seen: list[int] = []
    link = f"/oarapi/jobs.json?ids={ids}&limit=2"
    while link:
        page = oar.get(str(oar.base_url.copy_with(raw_path=link.encode()))).json()
        assert page["total"] == 5
        seen += [item["id"] for item in page["items"]]
        link = next((one["href"] for one in page["links"] if one["rel"] == "next"), "")
    assert seen == numbers
    assert oar.get("/jobs", params={"user": "nobody", "ids": ids}).json()["total"] == 0
    by_id = oar.get("/jobs", params={"ids": ids, "structure": "oar"}).json()["items"]
    assert sorted(by_id, key=int) == [str(number) for number in numbers]
    assert oar.get("/jobs", params={"structure": "odd"}).status_code == 406
    assert oar.get("/jobs", params={"ids": "1) or (1=1"}).status_code == 400
    assert oar.get("/jobs", params={"limit": "-1"}).status_code == 400
    assert oar.get("/jobs", params={"state": "Nonsense"}).json()["items"] == []
    for number in numbers:
        oar.delete(f"/jobs/{number}")
