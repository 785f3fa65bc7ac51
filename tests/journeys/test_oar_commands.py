"""What OAR's document tells people to type, pasted, and the published program ``chandler``."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.oar_clients import fetched_chandler
from tests.support.served import NARTHEX, Served, serving
from tests.support.waiting import wait_until_sync

POOL = "/nodes=liza-{2}/cpu={2}/core={2}"
PEOPLE = {"oar": "kameleon", "kameleon": "kameleon", "login": "password", "test": "testtest"}
OPTIONS = ("--admin", "--password-stdin", "--data-dir")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with the nodes and the people of the document."""
    folder = tmp_path_factory.mktemp("oar")
    with serving(folder / "data", NARTHEX_RUNNER_POOL=POOL) as served:
        for name, password in PEOPLE.items():
            subprocess.run(
                [*NARTHEX, "user", "add", name, *OPTIONS, str(served.data)],
                input=f"{password}\n",
                text=True,
                check=True,
                capture_output=True,
                timeout=60,
            )
        yield served


@pytest.fixture(scope="module")
def oar(gateway: Served) -> Iterator[httpx.Client]:
    """The user kameleon, with files in the places that the document speaks of."""
    with httpx.Client(
        base_url=f"{gateway.url}/oarapi",
        auth=("kameleon", "kameleon"),
        headers={"Accept": "application/json"},
        timeout=60,
    ) as client:
        for path in ("cigri-3/CHANGELOG", "param9"):
            kind = {"Content-Type": "application/octet-stream"}
            put = client.post(f"/media/~/{path}", content=b"1\n2\n", headers=kind)
            assert put.status_code == 201, put.text
        yield client


@pytest.fixture(scope="module")
def job(oar: httpx.Client) -> Iterator[int]:
    """A job that runs."""
    body = {"command": "sleep 300", "resource": "/cpu=1,walltime=1", "name": "mine"}
    number = int(oar.post("/jobs", json=body).json()["id"])
    wait_until_sync(
        lambda: oar.get(f"/jobs/{number}").json()["state"] == "Running", "it to run", 60
    )
    yield number
    oar.delete(f"/jobs/{number}")


def typed(line: str, gateway: Served, folder: Path, job: int) -> str:
    """What a line prints that was typed into a shell, with our host and job in it."""
    host = gateway.url.removeprefix("http://")
    for theirs in ("localhost", "www.mydomain.org"):
        line = line.replace(f"{theirs}/", f"{host}/")
    line = line.replace("547", str(job)).replace("--password test", "--password testtest")
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("wget -O - http://www.mydomain.org/oarapi/resources.yaml?structure=simple", "total: 8"),
        ("wget -q -O - http://localhost/oarapi/version.yaml", "oar_version:"),
        ("wget -q -O - http://localhost/oarapi/whoami.yaml", "authenticated_user:"),
        ("wget -q -O - http://localhost/oarapi/timezone.yaml", "timezone:"),
        (
            (
                'wget -q -O - "http://localhost/oarapi/jobs.yaml?state=Terminated,Running'
                '&limit=2&offset=0"'
            ),
            "total: 1",
        ),
        ("wget -q -O - http://localhost/oarapi/jobs/details.yaml", "stdout_file:"),
        ("wget -q -O - http://localhost/oarapi/jobs/table.yaml", "queue_name: default"),
        (
            "wget --user test --password test -q -O - http://localhost/oarapi/jobs/547.yaml",
            "launching_directory:",
        ),
        ("wget -q -O - http://localhost/oarapi/jobs/547/resources.yaml", "status: assigned"),
        ("wget -q -O - http://localhost/oarapi/resources.yaml", "network_address: liza-1"),
        ("wget -q -O - http://localhost/oarapi/resources/details.yaml", "finaud_decision:"),
        ("wget -q -O - http://localhost/oarapi/resources/1.yaml", "id: 1"),
        ("wget -q -O - http://localhost/oarapi/resources/nodes/liza-1.yaml", "total: 4"),
    ],
)
def test_wget_reads(gateway: Served, job: int, tmp_path: Path, line: str, part: str) -> None:
    """The document's lines with wget print YAML."""
    said = typed(line, gateway, tmp_path, job)
    assert part in said
    assert isinstance(yaml.safe_load(said), dict)


@pytest.mark.parametrize(
    ("line", "status", "part"),
    [
        (
            (
                "curl -i -X POST http://oar:kameleon@localhost/oarapi-priv/resources/generate"
                " -H'Content-Type: application/json'"
                """ -d '{"resources":"/nodes=node{2}.test.generate/cpu={2}/core={2}"}'"""
            ),
            200,
            "node2.test.generate",
        ),
        ("curl -i -X GET http://login:password@localhost/oarapi-priv/config.yaml", 200, "DB_TYPE"),
        (
            "curl -i -X GET http://kameleon:kameleon@localhost/oarapi-priv/config/file.yaml",
            200,
            "path:",
        ),
        (
            "curl -i -X GET http://login:password@localhost/oarapi-priv/config/DB_TYPE.yaml",
            200,
            "DB_TYPE",
        ),
        (
            (
                "curl -i -X GET http://kameleon:kameleon@localhost/oarapi-priv/media/ls/~/"
                " -H'Content-Type: text/yaml'"
            ),
            200,
            "name: param9",
        ),
        (
            (
                "curl -i -H'Content-Type: application/octet-stream'"
                " http://kameleon:kameleon@localhost/oarapi-priv/media/~/cigri-3/CHANGELOG"
            ),
            200,
            "1\n2\n",
        ),
        (
            (
                "curl -i -X POST -H'Content-Type: application/octet-stream'"
                " --data-binary @/etc/group http://kameleon:kameleon@localhost/oarapi-priv/media/~/testdir/testfile"
            ),
            201,
            "status: created",
        ),
        (
            (
                "curl -i -X POST http://kameleon:kameleon@localhost/oarapi-priv/media/chmod/~/param9"
                """ -H'Content-Type: application/json' -d '{"mode":"755"}'"""
            ),
            202,
            "",
        ),
    ],
)
@pytest.mark.usefixtures("oar")
def test_curl_asks(
    gateway: Served, job: int, tmp_path: Path, line: str, status: int, part: str
) -> None:
    """The document's lines with curl do what it says."""
    said = typed(line, gateway, tmp_path, job)
    assert said.startswith(f"HTTP/1.1 {status} ")
    assert part in said


def test_curl_deletes_a_folder(
    gateway: Served, oar: httpx.Client, job: int, tmp_path: Path
) -> None:
    """As the document does, with all that is in it."""
    kind = {"Content-Type": "application/octet-stream"}
    oar.post("/media/~/testdir2/testfile", content=b"x", headers=kind)
    said = typed(
        "curl -i -X DELETE -H'Content-Type: application/octet-stream'"
        " http://kameleon:kameleon@localhost/oarapi-priv/media/~/testdir2",
        gateway,
        tmp_path,
        job,
    )
    assert said.startswith("HTTP/1.1 204 ")
    assert oar.get("/media/ls/~/testdir2").status_code == 404


def test_chandler_shows_the_cluster(
    gateway: Served, oar: httpx.Client, job: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Section 17: the published program draws the nodes, the jobs and who has what."""
    chandler = fetched_chandler(request.config)
    meek = {"command": "sleep 300", "type": "besteffort", "resource": "/core=1,walltime=1"}
    second = int(oar.post("/jobs", json=meek).json()["id"])
    wait_until_sync(
        lambda: oar.get(f"/jobs/{second}").json()["state"] == "Running", "it to run", 60
    )
    said = chandler.run(f"{gateway.url}/oarapi", tmp_path, "-u", "-n")
    oar.delete(f"/jobs/{second}")
    assert "2 jobs, 8 resources, 0 down, 3 used" in said
    assert "kameleon         2          0          3" in said
    assert f"[{job}] kameleon     mine" in said
    assert said.count("J") >= 2
    assert "besteffort" in said
