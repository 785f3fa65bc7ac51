"""The Python SDKs that users have, 0.2.0 and 0.1.0 as published, against a served gateway.

Contract, section 8b: login, submit, wait, rows with types, failure, kill.
"""

import pytest

from gateway.stores.embedded import EmbeddedRedis
from tests.journeys.linkis_people import PASSWORD, add_user
from tests.support.linkis_sdk import Sdk, fetched
from tests.support.served import Served

ROWS = """CODE = '''python3 - <<'EOF'
import narthex
columns = [("n", "long"), ("x", "double"), ("ok", "boolean"), ("day", "date"), ("s", "string")]
narthex.table([(1, 0.5, True, "2024-02-29", "one"), (None, None, False, None, None)], columns)
%s
EOF'''
QUERY = {"columns": [{"column": name} for name in ("n", "x", "ok", "day", "s")]}
"""
SECOND = 'narthex.table([(2, 1.5, None, "2024-03-01", "two")], columns)'
SYNC = """
from linkis_python_sdk.client import LinkisClient
from linkis_python_sdk.config.config import LinkisConfig
client = LinkisClient(LinkisConfig(f"{URL}/api/rest_j/v1", "admin", PASSWORD))
def execute(code, query={"columns": []}): return client.execute_code(code, query, "shell", "shell")
"""
ASYNC = """
import asyncio
from linkis_python_sdk.asyncio.client import LinkisClient
from linkis_python_sdk.config.config import LinkisConfig
client = LinkisClient(LinkisConfig(f"{URL}/api/rest_j/v1", "admin", PASSWORD))
def execute(code, query={"columns": []}):
    return asyncio.run(client.execute_code(code, query, "shell", "shell"))
"""
OLD = """
from linkis_python_sdk.client.linkis_client import LinkisClient
client = LinkisClient(URL, username="admin", password=PASSWORD)
user = client.login()["userName"]
"""
FACES = pytest.mark.parametrize("face", [SYNC, ASYNC], ids=["sync", "async"])


@pytest.fixture(scope="session")
def new(pytestconfig: pytest.Config) -> Sdk:
    """Version 0.2.0."""
    return fetched("0.2.0", pytestconfig)


@pytest.fixture(scope="session")
def old(pytestconfig: pytest.Config) -> Sdk:
    """Version 0.1.0."""
    return fetched("0.1.0", pytestconfig)


@FACES
def test_rows_with_types(served: Served, new: Sdk, face: str) -> None:
    """Two result sets of one task come as one list of typed rows, NULL as None."""
    rows, total, error = new.run(
        served,
        f"{face}{ROWS % SECOND}"
        "rows, total, error = execute(CODE, QUERY)\n"
        "print(json.dumps([rows, total, error], default=str))",
    )
    assert (total, error) == (3, "")
    assert rows[0] == {"n": 1, "x": 0.5, "ok": True, "day": "2024-02-29", "s": "one"}
    assert (rows[1]["n"], rows[1]["x"], rows[1]["ok"]) == (None, None, False)
    assert (rows[2]["n"], rows[2]["s"]) == (2, "two")


def test_what_is_remembered_of_a_run(served: Served, new: Sdk, redis_server: EmbeddedRedis) -> None:
    """Paths that the SDK keeps are read from a new session, by their owner and nobody else."""
    add_user(served, "cache-eve")
    first, again, strange = new.run(
        served,
        f"{SYNC}{ROWS % ''}"
        "from redis import ConnectionPool\n"
        f"pool = ConnectionPool.from_url({redis_server.url!r})\n"
        "def cached(user, password):\n"
        "    conf = LinkisConfig(f'{URL}/api/rest_j/v1', user, password)\n"
        "    client = LinkisClient(conf, r_pool=pool)\n"
        "    found = client.execute_code_with_cache(CODE, QUERY, 'shell', 'shell')\n"
        "    return json.loads(json.dumps(found, default=str))\n"
        "answers = [cached('admin', PASSWORD), cached('admin', PASSWORD)]\n"
        f"print(json.dumps([*answers, cached('cache-eve', {PASSWORD!r})]))",
    )
    assert (first[1], first[2]) == (2, "")
    assert again == first
    assert (strange[0], strange[1], "there is no task" in strange[2]) == ([], 0, True)


@FACES
def test_failures_are_told(served: Served, new: Sdk, face: str) -> None:
    """A failed task, no results, and a wrong password each come as a sentence."""
    failed, empty, stranger = new.run(
        served,
        f"{face}"
        "told = [execute('exit 3')[2], execute('true')[2]]\n"
        "client.linkis_conf.password = 'wrong'\n"
        "print(json.dumps([*told, execute('true')[2]]))",
    )
    assert "exit code 3" in failed
    assert empty == "no data files"
    assert "password" in stranger


def test_a_killed_task_ends_the_wait(served: Served, old: Sdk) -> None:
    """Version 0.1.0 kills by GET, and what waits for the task learns that it was cancelled."""
    status, killed = old.run(
        served,
        f"{OLD}"
        "job = client.submit_job('sleep 300', 'shell', 'shell')\n"
        "killed = client.kill_job(job['execID'])\n"
        "import time\n"
        "while (task := client.get_job_info(job['taskID'])).status.value in "
        "('Inited', 'Running', 'UNKNOWN', 'Unknown'): time.sleep(0.1)\n"
        "print(json.dumps([task.status.value, killed['taskID'] == job['taskID']]))",
    )
    assert (status, killed) == ("Cancelled", True)


def test_the_old_version(served: Served, old: Sdk) -> None:
    """Version 0.1.0 logs in, runs, and makes a typed data frame of the result."""
    user, status, types, rows = old.run(
        served,
        f"{OLD}{ROWS % ''}"
        "result = client.execute(CODE, 'shell', 'shell')\n"
        "frame = client.get_result_dataframe(result)\n"
        "rows = json.loads(frame.to_json(orient='values'))\n"
        "types = [str(kind) for kind in frame.dtypes]\n"
        "print(json.dumps([user, result['status'], types, rows], default=str))",
    )
    assert (user, status) == ("admin", "Succeed")
    assert types[:2] == ["Int64", "float64"]
    assert rows[0][0] == 1
    assert rows[1][:2] == [None, None]


def test_the_old_version_fails_clearly(served: Served, old: Sdk) -> None:
    """A failed task has no results and says why; an unknown one raises with our message."""
    status, why, results, message = old.run(
        served,
        f"{OLD}"
        "result = client.execute('exit 3', 'shell', 'shell')\n"
        "task = client.get_job_info(result['task_id'])\n"
        "results = client.get_job_results(result['task_id'])\n"
        "try: client.get_job_info(999999)\n"
        "except Exception as error: message = str(error)\n"
        "print(json.dumps([task.status.value, task.error_desc, results, message]))",
    )
    assert (status, results) == ("Failed", [])
    assert "exit code 3" in why
    assert "999999" in message
