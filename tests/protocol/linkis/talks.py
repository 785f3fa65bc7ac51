"""What conversations on a websocket are made of, for the tests that hold them."""

import json
from collections.abc import Sequence
from typing import Any

from protocol.commands.history import TaskQuery
from protocol.commands.tasks import ReadTask
from protocol.dialect import Ask, Conversation, Follow, Send, Step, Watch
from protocol.dialects.linkis.words import ACTIVE, ENDED
from protocol.events import Event
from protocol.logs import Block, Cursor, Gap, LogPage
from protocol.media import as_object, decode_msgpack
from protocol.tasks import Task, TaskState
from tests.protocol.linkis.scenes import NOW, ROOT, SEED_ID, WORDS, task

ENTRANCE = f"{ROOT}/entrance"
TASK = f"{ENTRANCE}/{SEED_ID}"
TAGGED = {**WORDS, "websocketTag": "tab"}
AT = "2023-11-14 22:13:20.000"
BODY = {"executeApplicationName": "hive", "runType": "sql", "executionCode": "show tables"}
LISTING = TaskQuery(states=ACTIVE, dialect="linkis", limit=1000, count=False)
JUST_ENDED = TaskQuery(states=ENDED, dialect="linkis", limit=100, count=False)
PUSHED = Watch(lines=True, state=True, progress=True, queue=True)


def frame(method: str, data: object = None, **more: object) -> str:
    """A message as clients send it; without data if there is none."""
    message = {"method": method, **more}
    return json.dumps(message if data is None else {**message, "data": data})


def messages(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The messages that are sent, in order."""
    found: list[dict[str, Any]] = []
    for step in steps:
        match step:
            case Send(frame, text=True):
                found.append(json.loads(frame))
            case Send(bytes() as packed):
                found.append(as_object(decode_msgpack(packed)))
    return found


def message(steps: Sequence[Step]) -> dict[str, Any]:
    """The only message that is sent."""
    (found,) = messages(steps)
    return found


def asked(steps: Sequence[Step]) -> Ask:
    """The only thing that is asked."""
    (ask,) = [step for step in steps if isinstance(step, Ask)]
    return ask


def resumed(steps: Sequence[Step]) -> tuple[Ask, Ask]:
    """The lists that are asked for on a new socket: of what runs, and of what has just ended."""
    running, ended = [step for step in steps if isinstance(step, Ask)]
    assert running.command == LISTING
    assert ended.command == JUST_ENDED
    return running, ended


def followed(steps: Sequence[Step]) -> Follow:
    """The only subscription that begins."""
    (follow,) = [step for step in steps if isinstance(step, Follow)]
    return follow


def page(*blocks: Block, last: int = 9, gaps: tuple[Gap, ...] = ()) -> LogPage:
    """Lines that were appended."""
    following = blocks[-1].last + 1 if blocks else gaps[-1].last + 1
    return LogPage(blocks, Cursor(following), 1, last, eof=False, gaps=gaps)


def executed(session: Conversation, about: Task | None = None) -> int:
    """The key of the pushes of a task that was just submitted."""
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", BODY, websocketTag="tab"), NOW))
    about = about or task(TaskState.ACCEPTED, client=TAGGED)
    return followed(session.answered(ask.key, about, NOW)).key


def at(state: TaskState) -> Task:
    """The tagged task in a state."""
    return task(state, client=TAGGED)


def reported(session: Conversation, key: int, event: Event) -> list[dict[str, Any]]:
    """What the client is sent for an event."""
    return messages(session.on_event(key, event, NOW))


def subscribed(session: Conversation, about: Task, **data: object) -> Follow:
    """The subscription that a message begins."""
    ask = asked(session.received(frame(f"{TASK}/subscribe", data), NOW))
    assert isinstance(ask.command, ReadTask)
    steps = session.answered(ask.key, about, NOW)
    assert message(steps)["data"]["taskID"] == 21
    return followed(steps)
