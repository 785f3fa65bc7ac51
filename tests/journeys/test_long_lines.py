"""Lines of many MiB and wide characters, as a plain poller reads them."""

from typing import Any

import pytest

from tests.journeys.entrance import Caller

MIB = 1 << 20


def pages(caller: Caller, exec_id: str, **more: object) -> list[dict[str, Any]]:
    """All pages of a finished task, by a poller that follows ``fromLine`` alone."""
    at, found = 1, []
    for _ in range(100):
        query = {"format": "lines", "fromLine": at, **more}
        page = caller.call("GET", f"{exec_id}/log", params=query)
        found.append(page)
        if page["eof"]:
            return found
        assert page["fromLine"] > at, page
        at = page["fromLine"]
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("size", [0, 1, 3])
def test_row_c1_a_poller_that_follows_the_line_alone(caller: Caller, size: int) -> None:
    """Row C1: it always moves, over lines of many MiB too, and is told where their rest is."""
    long = 5 * MIB
    code = f"echo a; head -c {long} /dev/zero | tr '\\0' x; echo; seq 3"
    exec_id = caller.execute(code)
    assert caller.finished(exec_id) == "Succeed"
    found = pages(caller, exec_id, **({"size": size} if size else {}))
    whole = [row for page in found for row in page["lines"] if row["n"] != 2]
    assert [row["text"] for row in whole] == ["a", "1", "2", "3"]
    begun = [row for page in found for row in page["lines"] if row["n"] == 2]
    assert begun[0]["part"] == 1
    assert begun[-1]["more"] is True
    taken = sum(len(row["text"]) for row in begun)
    (page,) = [page for page in found if page.get("fromPart")]
    place = {"fromLine": page["fromLine"], "fromPart": page["fromPart"]}
    while True:
        query = {"format": "lines", **place}
        page = caller.call("GET", f"{exec_id}/log", params=query)
        taken += sum(len(row["text"]) for row in page["lines"] if row["n"] == 2)
        if not page.get("fromPart"):
            break
        place = {"fromLine": page["fromLine"], "fromPart": page["fromPart"]}
    assert taken == long


@pytest.mark.parametrize("text", ["漢", "é", "🙂"])
def test_row_c2_parts_end_between_characters(caller: Caller, text: str) -> None:
    """Row C2: one line of 30,000 wide characters is told without a single U+FFFD."""
    exec_id = caller.execute(f"printf '{text}%.0s' $(seq 60000); echo; echo end")
    assert caller.finished(exec_id) == "Succeed"
    rows = caller.lines(exec_id)
    assert "".join(row["text"] for row in rows if row["n"] == 1) == text * 60_000
    assert len([row for row in rows if row["n"] == 1]) > 1
    log = caller.call("GET", f"{exec_id}/log", params={"fromLine": 1, "size": -1})["log"][3]
    assert "\ufffd" not in log
