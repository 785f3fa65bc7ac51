"""The messages that a websocket is sent unasked, each about one task.

Follows the contract, section 4.4: status is 0 whatever happened to the task, execID, taskID and
websocketTag stand in ``data``, the tag at top level too. The log in a push is the same as over
HTTP, with its banner and closing lines. ``lines`` and ``eof`` are an extension of ours and hold
exactly what their documentation says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from protocol.dialect import Watch
from protocol.dialects.linkis.entrance import ending, progress_data
from protocol.dialects.linkis.envelope import ROOT, envelope
from protocol.dialects.linkis.line_rows import LineRows
from protocol.dialects.linkis.log import banner, closing, gap_lines
from protocol.dialects.linkis.log_blocks import (
    Form,
    block_rows,
    by_level,
    joined,
    passages,
)
from protocol.dialects.linkis.submission import ACKNOWLEDGED
from protocol.dialects.linkis.words import STATUS_WORDS, time_text
from protocol.logs import Block, Line, LogPage
from protocol.tasks import Task

__all__ = ["Message", "Pushes", "tag_of"]

Message = dict[str, object]

_LINES = Watch()

T = TypeVar("T")

# A log push says each line twice, a lines push once with some forty bytes around it.
_LOG_BYTES = 100 * 1024
_PASSAGE = 8 * 1024
_LINES_BYTES = 200 * 1024
_LINE_OVERHEAD = 48


def tag_of(task: Task) -> str:
    """The tag with which the task was submitted, empty if it has none."""
    return str(task.client.get("websocketTag", "")) if task.dialect == "linkis" else ""


class Pushes:
    """The messages about one task.

    Args:
        exec_id: the execID of the task, the same as in the acknowledgement.
    """

    def __init__(self, exec_id: str) -> None:
        self._exec_id = exec_id

    @property
    def exec_id(self) -> str:
        """The execID of the task."""
        return self._exec_id

    def acknowledgement(self, task: Task) -> Message:
        """The answer to the submit once more, as it was or would have been."""
        names: Message = {"execID": self._exec_id, "taskID": task.number}
        data = {**names, "websocketTag": tag_of(task)}
        method = str(task.client.get(ACKNOWLEDGED, ""))
        message = envelope(method, "Execution request succeeded", data)
        return {**message, "websocketTag": tag_of(task)}

    def status(self, task: Task) -> Message:
        """The status word."""
        return self._push("status", task, {"status": STATUS_WORDS[task.state]})

    def progress(self, task: Task) -> Message:
        """How much is done."""
        return self._push("progress", task, progress_data(task))

    def waiting(self, task: Task, ahead: int) -> Message:
        """How many tasks are before it."""
        return self._push("waitingSize", task, {"waitingSize": ahead})

    def log(self, task: Task, page: LogPage) -> list[Message]:
        """Further lines by level; the banner comes with the first line of the log."""
        texts, plain = passages(page.blocks, _PASSAGE)
        plain = plain and not page.gaps
        texts = gap_lines(page.gaps, task) + texts
        begins = [(block.first, max(block.part, 1)) for block in page.blocks[:1]]
        if (1, 1) in begins + [(gap.first, 1) for gap in page.gaps[:1]]:
            texts = banner(task, self._exec_id) + texts
        return self._logs(task, texts, plain=plain)

    def end(self, task: Task) -> list[Message]:
        """The last of the log, progress 1 and the final status, in this order."""
        texts = closing(task, self._exec_id)
        if not task.last_line:
            texts = banner(task, self._exec_id) + texts
        return [*self._logs(task, texts), self.progress(task), self.status(task)]

    def unfollowed(self, task: Task, why: str, now_ms: int) -> list[Message]:
        """That nothing more will be pushed of a task that goes on: a line, as errors have none."""
        text = f"nothing is pushed of this task, ask for it: {why}"
        return self._logs(task, [f"{time_text(now_ms)} ERROR {text}"])

    def lines(self, task: Task, page: LogPage, form: Form = Form.SCREEN) -> list[Message]:
        """Further lines with their numbers; ``last`` is the number of the last one in the message.

        Lines that are no longer kept are told in ``gaps`` of the first message, as pairs.
        """
        batches = list(_batches(page.blocks, _size, _LINES_BYTES))
        more: Message = {"gaps": [list(gap) for gap in page.gaps]} if page.gaps else {}
        messages: list[Message] = []
        for batch in batches or ([()] if page.gaps else []):
            last = batch[-1].last if batch else page.next.line - 1
            data: Message = {"lines": LineRows(batch, form), "last": last, **more}
            messages.append(self._bare("lines", task, data))
            more = {}
        return messages

    def blocks(self, task: Task, page: LogPage) -> list[Message]:
        """The same with the lines joined: a message is one block, or only the gaps."""
        rows: list[Message] = block_rows(joined(page.blocks, _LINES_BYTES))
        if page.gaps:
            rows[:1] = [{**(rows or [{}])[0], "gaps": [list(gap) for gap in page.gaps]}]
        return [self._bare("block", task, row) for row in rows]

    def partial(self, task: Task, line: Line) -> Message:
        """What stands on a line that has not ended."""
        data: Message = {"n": line.number, "t": line.time_ms, "s": line.stream.value}
        if line.part:
            data["part"] = line.part
        return self._bare("partial", task, {**data, "text": line.screen})

    def eof(self, task: Task, watch: Watch = _LINES) -> list[Message]:
        """The end of a subscription: what else it watches, and then the last message."""
        word = STATUS_WORDS[task.state]
        end: Message = {"last": task.last_line, "status": word, **ending(task)}
        return [
            *([self.progress(task)] if watch.progress else []),
            *([self.status(task)] if watch.state else []),
            self._bare("eof", task, end),
        ]

    def _logs(self, task: Task, texts: Sequence[str], *, plain: bool = False) -> list[Message]:
        return [
            self._push("log", task, {"log": by_level(batch, end="\n", plain=plain)})
            for batch in _batches(texts, len, _LOG_BYTES)
        ]

    def _push(self, verb: str, task: Task, data: Message) -> Message:
        names: Message = {"taskID": task.number, "websocketTag": tag_of(task)}
        return self._bare(verb, task, {**names, **data})

    def _bare(self, verb: str, task: Task, data: Message) -> Message:
        method = f"{ROOT}/entrance/{self._exec_id}/{verb}"
        message = envelope(method, data={"execID": self._exec_id, **data})
        return {**message, "websocketTag": tag_of(task)}


def _size(block: Block) -> int:
    return len(block.data) + _LINE_OVERHEAD * (block.last - block.first + 1)


def _batches(items: Sequence[T], size: Callable[[T], int], limit: int) -> Iterator[Sequence[T]]:
    """The items in stretches that weigh about ``limit`` at most."""
    start = weight = 0
    for place, item in enumerate(items):
        more = size(item)
        if place > start and weight + more > limit:
            yield items[start:place]
            start, weight = place, 0
        weight += more
    if start < len(items):
        yield items[start:]
