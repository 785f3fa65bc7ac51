"""Rows of a list: their code, the name of their script, and the list as a file."""

from protocol.commands.history import TaskPage, TaskQuery
from protocol.tasks import TaskState
from tests.protocol.linkis.scenes import ROOT, WORDS, data_of, request, task

LIST = f"{ROOT}/jobhistory/list"


def test_section_9_point_4_code_and_file_name() -> None:
    """Linkis section 9, point 4: rows of a list have the code of the caller's own, and a name."""
    named = task(client={**WORDS, "scriptPath": "/home/a.sql"})
    page = TaskPage((named, task(number=20)), 2, {21: "select 1"})
    rows = data_of("GET", LIST, page)["tasks"]
    assert [(row["executionCode"], row["fileName"]) for row in rows] == [
        ("select 1", "a.sql"),
        (None, ""),
    ]


def test_section_9_point_11_the_list_as_a_file() -> None:
    """Linkis section 9, point 11: a line for each task that fits, as the list has them."""
    path = f"{ROOT}/jobhistory/download-job-list"
    found, asked = request("GET", path, {"status": "Failed", "pageSize": "5", "pageNow": "3"})
    states = (TaskState.FAILED, TaskState.LOST)
    assert found.route.parse(asked) == TaskQuery(states=states, limit=1000)
    reply = found.route.render(TaskPage((task(TaskState.FAILED),), 1), asked)
    assert isinstance(reply.body, bytes)
    head, line = reply.body.decode("utf-8-sig").splitlines()
    row = dict(zip(head.split(","), line.split(","), strict=True))
    assert (row["taskID"], row["status"], row["errDesc"]) == ("21", "Failed", "exit code 3")
    assert reply.headers["Content-Disposition"].startswith("attachment;")
