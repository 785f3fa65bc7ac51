"""A session: statements that share their state, and a table as a result."""

import httpx

from tests.fundamentals.test_01_tasks import data, ended, submit


def python(http: httpx.Client, code: str, **more: object) -> str:
    """Submits a statement to the user's Python session; its execID."""
    session = {"executeApplicationName": "python", "runType": "python"}
    return str(submit(http, code, **session, **more)["execID"])


def test_statements_share_their_state(http: httpx.Client) -> None:
    """Two statements of one user run in the same interpreter, one after another."""
    ended(http, python(http, "answer = 42"))
    task = python(http, "print(answer)")
    assert ended(http, task) == "Succeed"

    page = data(http.get(f"/{task}/log", params={"format": "lines", "fromLine": 1}))

    assert [line["text"] for line in page["lines"]] == ["42"]
