"""Follows a task to its end: every line once, in order, whatever happens to the connection.

By websocket while one can be had, else by long polling, and back. The place in the log is kept
here and nowhere else: after a break the next connection begins at the first line not yet told.
Whether a refusal is final is always asked over HTTP, where the code of the reply tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gateway.client import calls, messages, reading
from gateway.client.errors import ClientError, ConnectionFailed
from gateway.client.messages import Message
from gateway.client.plans import (
    Connect,
    Hangup,
    Pacing,
    Pause,
    Plan,
    Receive,
    Send,
    Tell,
    ask,
    fetch,
)
from gateway.client.submission import Submission
from gateway.client.values import (
    End,
    LogPage,
    News,
    ProgressChanged,
    StateChanged,
    Submitted,
)
from protocol.logs import Gap, Line

__all__ = ["Follower", "Place"]

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 15.0
_SILENCE_SECONDS = 60.0
_POLL_SECONDS = 20.0
_POLL_LINES = 5000
_USEFUL_SECONDS = 5.0


class Place:
    """Where in the log the reader is; lets each line, and each part of a long one, pass once.

    ``line`` is the next line wanted, or the long one of which ``part`` parts have passed.
    """

    __slots__ = ("_fresh", "line", "part")

    def __init__(self, line: int = 1) -> None:
        self.line = line
        self.part = 0
        self._fresh = True

    @property
    def next_part(self) -> int:
        """The first part wanted of the line, 0 for the whole of it."""
        return self.part + 1 if self.part else 0

    def restarted(self) -> None:
        """What comes next answers a new question from this place on."""
        self._fresh = True

    def admit(self, lines: Iterable[Line], gaps: Sequence[Gap] = ()) -> Iterator[Line | Gap]:
        """The lines not told before, and a Gap for lines that are no longer kept.

        Such lines are named in ``gaps``, or missing at the beginning of an answer. Lines that are
        missing elsewhere were lost on the way: ConnectionFailed, and the caller asks anew.
        """
        for line in lines:
            if line.number < self.line or (line.number == self.line and self._known(line)):
                continue
            if line.number > self.line:
                yield from self.jump(line.number, gaps)
            if line.part > self.part + 1:
                raise ConnectionFailed(f"a part of line {line.number} is missing")
            self._fresh = False
            if line.more:
                self.line, self.part = line.number, line.part
            else:
                self.line, self.part = line.number + 1, 0
            yield line
        for gap in gaps:
            if gap.first <= self.line <= gap.last:
                yield from self.jump(gap.last + 1, gaps)

    def jump(self, line: int, gaps: Sequence[Gap] = ()) -> Iterator[Gap]:
        """Moves on to ``line`` if it is ahead and what lies between is known to be gone."""
        if line <= self.line:
            return
        gone = any(gap.first <= self.line and line - 1 <= gap.last for gap in gaps)
        if not self._fresh and not gone:
            raise ConnectionFailed(f"line {self.line} is missing")
        yield Gap(self.line, line - 1)
        self.line, self.part = line, 0

    def _known(self, line: Line) -> bool:
        return 0 < line.part <= self.part


class Follower:
    """One following of one task, as a plan.

    Args:
        task: an execID or a task number; or a Submission, which is made first.
        place: the first line wanted.
        pacing: how long to wait between attempts.
        partial: whether glimpses of the line that has not ended are wanted.
        credit: how many lines a websocket may bring ahead of what was taken; 0 for any number.
    """

    def __init__(
        self,
        task: str | Submission,
        place: Place,
        pacing: Pacing,
        *,
        partial: bool = False,
        credit: int = 0,
    ) -> None:
        self._partial = partial
        self._credit = credit
        self._submission = task if isinstance(task, Submission) else None
        self._task = "" if isinstance(task, Submission) else task
        self._place = place
        self._pacing = pacing
        self._state = ""
        self._ended = False
        self._delivered = 0
        self._contact = pacing.clock()

    def plan(self) -> Plan[None]:
        """Tells news until the End; raises ClientError if the gateway refuses for good."""
        if self._task.isdecimal():
            self._task = (yield from ask(calls.status(self._task), self._pacing)).exec_id
        failures = 0
        while True:
            useful = yield from self._listen()
            if self._over():
                return
            failures = 0 if useful else failures + 1
            yield Pause(self._pacing.delay(0))
            if useful:
                continue
            yield from self._poll_until(self._pacing.clock() + self._pacing.delay(failures))
            if self._over():
                return

    def _over(self) -> bool:
        return self._ended

    def _listen(self) -> Plan[bool]:
        """Follows by websocket until the end or a break; whether that was of any use."""
        began, delivered = self._pacing.clock(), self._delivered
        try:
            yield Connect(_CONNECT_SECONDS)
            if self._submission and not self._task:
                yield from self._submit_by_socket(self._submission)
            self._place.restarted()
            yield Send(
                messages.subscribe_frame(
                    self._task,
                    self._place.line,
                    self._place.next_part,
                    partial=self._partial,
                    credit=self._credit,
                )
            )
            yield from self._receive()
        except ConnectionFailed:
            yield Hangup()
        return self._delivered > delivered or self._contact - began > _USEFUL_SECONDS

    def _submit_by_socket(self, submission: Submission) -> Plan[None]:
        yield Send(messages.execute_frame(submission))
        until = self._pacing.clock() + _ANSWER_SECONDS
        while not self._task:
            message = yield from self._message(until - self._pacing.clock())
            if message is None or (message.verb == "execute" and message.status != 0):
                raise ConnectionFailed("the gateway did not acknowledge by websocket")
            if message.verb == "execute":
                yield from self._accepted(calls.read_submitted(message.data))

    def _accepted(self, submitted: Submitted) -> Plan[None]:
        self._task = submitted.exec_id
        yield from self._tell((submitted,))

    def _receive(self) -> Plan[None]:
        """Takes in what the socket brings; its keepalive notices when the other end is gone."""
        subscribed = False
        until = self._pacing.clock() + _ANSWER_SECONDS
        while not self._ended:
            left = _SILENCE_SECONDS if subscribed else until - self._pacing.clock()
            message = yield from self._message(left)
            if message is None and not subscribed:
                raise ConnectionFailed("the gateway did not answer the subscription")
            self._contact = self._pacing.clock()
            if message is None:
                continue
            if message.status != 0:
                raise ConnectionFailed(message.text)
            if self._mine(message):
                subscribed = True
                yield from self._tell(self._news(message))
                if self._credit and message.verb == "lines":
                    yield Send(messages.ack_frame(self._task, self._place.line, self._place.part))

    def _message(self, seconds: float) -> Plan[Message | None]:
        frame = yield Receive(max(0.0, seconds))
        if isinstance(frame, str | bytes):
            return messages.parse_message(frame)
        return None

    def _mine(self, message: Message) -> bool:
        return self._task in (message.exec_id, message.data.get("execID"))

    def _news(self, message: Message) -> Iterator[News]:
        data = message.data
        match message.verb:
            case "lines":
                rows = (reading.line(row) for row in reading.rows(data, "lines"))
                yield from self._place.admit(rows, reading.gaps(data))
            case "eof":
                last = reading.number(data, "last")
                yield from self._place.jump(last + 1)
                self._ended = True
                yield End(
                    last,
                    reading.text(data, "status"),
                    reading.optional(data, "exitCode"),
                    reading.optional(data, "signal"),
                )
            case "status" | "subscribe":
                yield from self._state_news(reading.text(data, "status", ""))
            case "partial":
                yield reading.partial(data)
            case "progress":
                yield ProgressChanged(calls.read_progress(data))
            case _:
                return

    def _state_news(self, state: str) -> Iterator[News]:
        if state and state != self._state:
            self._state = state
            yield StateChanged(state)

    def _tell(self, news: Iterable[News]) -> Plan[None]:
        """Hands on what there is, and only then complains about the rest."""
        ready: list[News] = []
        trouble: ClientError | None = None
        try:
            ready.extend(news)
        except ClientError as error:
            trouble = error
        self._delivered += len(ready)
        if ready:
            yield Tell(tuple(ready))
        if trouble:
            raise trouble

    def _poll_until(self, moment: float) -> Plan[None]:
        """Follows by long polling until a moment or the end."""
        failures = 0
        while not self._ended and (left := moment - self._pacing.clock()) > 0:
            try:
                yield from self._poll(min(_POLL_SECONDS, left))
                failures = 0
            except ClientError as error:
                pause = max(self._pacing.delay(failures), error.retry_after)
                give_up = self._contact + self._pacing.patience_seconds
                if not error.passing or self._pacing.clock() + pause > give_up:
                    raise
                failures += 1
                yield Pause(pause)

    def _poll(self, wait: float) -> Plan[None]:
        if self._submission and not self._task:
            yield from self._accepted((yield from fetch(calls.execute(self._submission))))
        self._place.restarted()
        page = yield from fetch(
            calls.log(self._task, self._place.line, self._place.next_part, _POLL_LINES, wait)
        )
        self._contact = self._pacing.clock()
        yield from self._tell(self._page_news(page))
        if page.eof:
            yield from self._finish(page)

    def _page_news(self, page: LogPage) -> Iterator[News]:
        yield from self._place.admit(page.lines, page.gaps)
        yield from self._place.jump(page.next_line)
        yield from self._state_news(page.status)

    def _finish(self, page: LogPage) -> Plan[None]:
        status = yield from fetch(calls.status(self._task))
        self._ended = True
        yield from self._tell((End(page.last, status.status, status.exit_code, status.signal),))
