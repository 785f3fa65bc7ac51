"""The websocket face: one conversation, in which every call is a row of the HTTP table.

Follows the contract, section 4, with the extension ``subscribe`` and ``unsubscribe``. A message
becomes a request, its command is asked, and the rendered reply goes back with the tag. After an
acknowledged ``execute`` the task is pushed; the same happens, unasked, for the tasks that already
run when the socket is opened. A status other than 0 is only ever the answer to a message.

Replies and pushes are written as the last message was: JSON in text, or msgpack in binary frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.accounts import Principal, Ticket
from protocol.command import Command
from protocol.commands.files import ReadFile
from protocol.commands.history import Refuse, TaskPage, TaskQuery
from protocol.commands.login import WhoAmI
from protocol.commands.logs import LogRead
from protocol.commands.tasks import Execute
from protocol.dialect import (
    Acknowledge,
    Ask,
    Authenticate,
    Follow,
    Frame,
    Send,
    Step,
    Unfollow,
    Watch,
)
from protocol.dialects.linkis.account import render_token_login, token_of
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.files_script import SubmitAfter
from protocol.dialects.linkis.log_blocks import Form, form_of
from protocol.dialects.linkis.messages import Call, call_of, message_of, method_of, place_of
from protocol.dialects.linkis.pushes import Message, Pushes, tag_of
from protocol.dialects.linkis.refusal import refusal
from protocol.dialects.linkis.routes import ACKNOWLEDGE, LOGIN, SUBSCRIBE, UNSUBSCRIBE
from protocol.dialects.linkis.submission import ACKNOWLEDGED, BY_RULE, RuleError
from protocol.dialects.linkis.subscription import acknowledged, credit_of, watch_of
from protocol.dialects.linkis.words import ACTIVE, ENDED, STATUS_WORDS
from protocol.errors import GatewayError, Kind
from protocol.events import (
    Ended,
    Event,
    LineOpen,
    LinesAppended,
    ProgressChanged,
    QueueMoved,
    StateChanged,
    SubmitUnconfirmed,
)
from protocol.kills import KillReport
from protocol.media import as_object, decode_object, encode_json, encode_msgpack
from protocol.routing import Match, Router, Unknown
from protocol.tasks import ByNumber, Task

__all__ = ["LinkisConversation"]

_RESUMED = 1000
_RESUMED_ENDED = 100
_RESUMED_MS = 600_000
_BY_SCRIPT = BY_RULE | {Kind.NOT_FOUND, Kind.TOO_LARGE}
_SUBMITS = (Execute, SubmitAfter, Refuse)
_PUSHED = Watch(lines=True, state=True, progress=True, queue=True)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call that waits for the result of its command, and why that only records a refusal."""

    call: Call
    command: Command[Any]
    reason: GatewayError | None = None


@dataclass(slots=True)
class _Pushing:
    """A task whose changes are pushed; ``word`` is the status that was pushed last.

    ``fresh`` is the task as it was, if it was submitted here.
    """

    number: int
    pushes: Pushes
    begun: bool = False
    fresh: Task | None = None
    word: str = ""


@dataclass(slots=True)
class _Reading:
    """A task whose lines are subscribed to, and the call that asked for them.

    ``word`` is the status that was told last.
    """

    number: int
    pushes: Pushes
    call: Call
    form: Form
    watch: Watch
    word: str = ""


@dataclass(slots=True)
class _Book:
    """What the session waits for, by key."""

    last_key: int = 0
    asked: dict[int, _Asked] = field(default_factory=dict)
    resuming: dict[int, int] = field(default_factory=dict)
    pushing: dict[int, _Pushing] = field(default_factory=dict)
    reading: dict[int, _Reading] = field(default_factory=dict)

    def key(self) -> int:
        self.last_key += 1
        return self.last_key


class LinkisConversation:
    """One websocket's conversation.

    Args:
        ids: names and finds tasks.
        router: the table, with the rows that only a websocket has.
        resume: whether tasks that run already are pushed to it.
    """

    def __init__(self, ids: ExecIds, router: Router, *, resume: bool = True) -> None:
        self._ids = ids
        self._router = router
        self._resumes = resume
        self._user = ""
        self._packed = False
        self._book = _Book()

    def opened(self, user: str, now_ms: int) -> Sequence[Step]:
        """Asks for the tasks that are to be pushed from the beginning."""
        self._user = user
        return self._resume(now_ms) if user else []

    def received(self, frame: Frame, now_ms: int) -> Sequence[Step]:
        """Asks what the message asks; blank ones and those with an empty method are ignored."""
        self._packed = isinstance(frame, bytes)
        if isinstance(frame, str) and not frame.strip():
            return []
        method = ""
        try:
            message = message_of(frame)
            method = method_of(message)
            if not method:
                return []
            call = call_of(message, self._router, now_ms, self._user)
        except GatewayError as error:
            return [self._refused(error, method, "/", Unknown())]
        try:
            return self._ask(call)
        except RuleError as error:
            return self._record(call, error.execute, error)
        except GatewayError as error:
            return [self._denied(call, error)]

    def answered(self, key: int, result: object, now_ms: int) -> Sequence[Step]:
        """Sends the reply, and begins to follow where that was asked for."""
        if key in self._book.resuming:
            return self._resumed(self._book.resuming.pop(key), result)
        asked = self._book.asked.pop(key)
        call = asked.call
        if isinstance(result, Ticket) or (isinstance(result, Principal) and call.row == LOGIN):
            name = (result if isinstance(result, Principal) else result.principal).name
            if self._user not in {"", name}:
                error = GatewayError(Kind.FORBIDDEN, "this websocket belongs to another user")
                return [self._denied(call, error)]
            self._user = name
        try:
            reply = self._reply(call, result)
        except GatewayError as error:
            return [self._denied(call, error)]
        before = [Authenticate(result.token)] if isinstance(result, Ticket) else []
        return [*before, reply, *self._after(asked, result, now_ms)]

    def failed(self, key: int, error: GatewayError, now_ms: int) -> Sequence[Step]:
        """Sends the refusal of a call or subscription; what nobody asked for ends in silence."""
        book = self._book
        waiting = book.asked.pop(key, None) or book.reading.pop(key, None)
        book.resuming.pop(key, None)
        pushing = book.pushing.pop(key, None)
        if pushing is not None and pushing.fresh is not None and error.kind is Kind.EXHAUSTED:
            messages = pushing.pushes.unfollowed(pushing.fresh, error.message, now_ms)
            return [self._send(one) for one in messages]
        match waiting:
            case _Asked(call, Execute() as execute) | _Asked(
                call, SubmitAfter(execute=execute)
            ) if error.kind in BY_RULE:
                return self._record(call, execute, error)
            case _Asked(call, SubmitAfter(ReadFile(), execute=execute)) if error.kind in _BY_SCRIPT:
                return self._record(call, execute, error)
            case _Asked(call, Refuse(), reason):
                # Nobody could record it: the refusal itself is all that can be said.
                return [self._denied(call, reason or error)]
            case _Asked(call) | _Reading(call=call):
                return [self._denied(call, error)]
            case _:
                return []

    def on_event(self, key: int, event: Event, now_ms: int) -> Sequence[Step]:  # noqa: ARG002 - the seam's signature
        """Pushes what happened; what comes after a subscription was given up is dropped."""
        if pushing := self._book.pushing.get(key):
            return [self._send(message) for message in self._pushed(key, pushing, event)]
        reading = self._book.reading.get(key)
        if reading is None:
            return []
        if isinstance(event, LinesAppended):
            return self._lines(reading, event)
        return [self._send(message) for message in self._read_on(key, reading, event)]

    def _ask(self, call: Call) -> list[Step]:
        if call.row == ACKNOWLEDGE:
            return self._acknowledge(call)
        before: list[Step] = []
        command: Command[Any]
        if call.row == LOGIN and (token := token_of(call.request)):
            before, command = [Authenticate(token)], WhoAmI()
        else:
            command = call.found.route.parse(call.request)
        if call.row == SUBSCRIBE:
            self._follow(0, ByNumber(0), call)
        if call.row == UNSUBSCRIBE:
            before = self._give_up(self._ids.ref(call.request.params["id"]).number)
        key = self._book.key()
        self._book.asked[key] = _Asked(call, command)
        route = call.found.route
        ask = Ask(key, command, slow=route.slow, open=route.open, headers=call.request.headers)
        return [*before, ask]

    def _after(self, asked: _Asked, result: object, now_ms: int) -> list[Step]:
        """What follows the reply to a call."""
        match result:
            case Ticket() | Principal() if asked.call.row == LOGIN:
                return self._resume(now_ms)
            case Task() if isinstance(asked.command, _SUBMITS):
                return self._push(result)
            case Task() if asked.call.row == SUBSCRIBE:
                return self._read(result, asked.call)
            case _:
                return []

    def _reply(self, call: Call, result: object) -> Send:
        """The reply of the row, with the tag in both places where clients look for it."""
        if isinstance(result, Principal) and call.row == LOGIN:
            reply = render_token_login(result, call.request)
        else:
            reply = call.found.route.render(result, call.request)
        body = decode_object(reply.body if isinstance(reply.body, bytes) else b"")
        tag = call.tag
        task = result.task if isinstance(result, LogRead | KillReport) else result
        if isinstance(task, Task):
            tag = tag or tag_of(task)
            body["data"] = {**as_object(body["data"]), "websocketTag": tag}
        if not call.request.params:
            # Clients compare the method of an acknowledgement letter by letter with their own.
            body["method"] = call.method
        return self._send({**body, "websocketTag": tag})

    def _denied(self, call: Call, error: GatewayError) -> Send:
        return self._refused(error, call.method, call.request.path, call.found, call.tag)

    def _refused(
        self, error: GatewayError, method: str, path: str, match: Match, tag: str = ""
    ) -> Send:
        """An error. The tag stays out of ``data``, where clients would take it for an ack."""
        body = {**refusal(error, path, match).body, "method": method}
        return self._send({**body, "websocketTag": tag} if tag else body)

    def _send(self, message: Message) -> Send:
        return Send(self._encoded(message), text=not self._packed)

    def _encoded(self, message: Message) -> bytes:
        return encode_msgpack(message) if self._packed else encode_json(message)

    def _record(self, call: Call, execute: Execute, error: GatewayError) -> list[Step]:
        """Lets a submit that a rule refused become a task that failed.

        An error in answer to an execute stops every tab of the client; a failed task hurts the one
        that asked (contract, section 4.3). Who wants no pushes is told the error.
        """
        if execute.client.get("push") is False:
            return [self._denied(call, error)]
        key = self._book.key()
        command = Refuse(execute, error.message)
        self._book.asked[key] = _Asked(call, command, error)
        return [Ask(key, command)]

    def _resume(self, now_ms: int) -> list[Step]:
        """Asks for what runs, and for what may have ended while no socket was there to be told."""
        if not self._resumes:
            return []
        steps: list[Step] = []
        for states, limit in ((ACTIVE, _RESUMED), (ENDED, _RESUMED_ENDED)):
            key = self._book.key()
            self._book.resuming[key] = now_ms
            query = TaskQuery(states=states, dialect="linkis", limit=limit, count=False)
            steps.append(Ask(key, query, patient=True))
        return steps

    def _resumed(self, asked_ms: int, result: object) -> list[Step]:
        tasks = result.tasks if isinstance(result, TaskPage) else ()
        steps: list[Step] = []
        for task in reversed(tasks):
            # A younger task may be one whose execute is not acknowledged yet: no push before that.
            if task.created_ms <= asked_ms and (
                not task.state.final or task.finished_ms > asked_ms - _RESUMED_MS
            ):
                steps += self._push(task, begun=task.state.final, resumed=True)
        return steps

    def _push(self, task: Task, *, begun: bool = False, resumed: bool = False) -> list[Step]:
        others = [
            (key, one) for key, one in self._book.pushing.items() if one.number == task.number
        ]
        # Of two that wait for another socket to leave, the one that need not wait is better.
        idle = [key for key, other in others if task.repeated and not other.word]
        known = any(key not in idle and not other.begun for key, other in others)
        if known or task.client.get("push") is False:
            return []
        for key in idle:
            del self._book.pushing[key]
        key = self._book.key()
        fresh = None if resumed else task
        self._book.pushing[key] = _Pushing(task.number, Pushes(self._ids.of(task)), begun, fresh)
        # A repeated submit attaches: all of it from the beginning, whoever else is told of it.
        resume = not task.repeated
        follow = Follow(
            key,
            ByNumber(task.number),
            watch=_PUSHED,
            resume=resume,
            begun=begun,
            acknowledge=resumed and ACKNOWLEDGED in task.client,
            yields=resumed,
        )
        return [*map(Unfollow, idle), follow]

    def _read(self, task: Task, call: Call) -> list[Step]:
        """Subscribes to lines; an earlier subscription to the same task is replaced."""
        before = self._give_up(task.number)
        key = self._book.key()
        self._book.reading[key] = _Reading(
            task.number,
            Pushes(self._ids.of(task)),
            call,
            form_of(call.request.query),
            watch_of(call.request.query),
        )
        return [*before, self._follow(key, ByNumber(task.number), call)]

    def _follow(self, key: int, task: ByNumber, call: Call) -> Follow:
        """The subscription that a call asks for; refuses what it cannot be."""
        query = call.request.query
        form_of(query, "data.")
        place, credit = place_of(call.request), credit_of(query)
        return Follow(key, task, place, watch_of(query), credit=credit)

    def _acknowledge(self, call: Call) -> list[Step]:
        """Passes an acknowledgement on. It has no reply, and one that is too late no effect."""
        number = self._ids.ref(call.request.params["id"]).number
        cursor = acknowledged(call.request.query)
        reading = self._book.reading.items()
        return [Acknowledge(key, cursor) for key, other in reading if other.number == number]

    def _give_up(self, number: int) -> list[Step]:
        keys = [key for key, other in self._book.reading.items() if other.number == number]
        for key in keys:
            del self._book.reading[key]
        return [Unfollow(key) for key in keys]

    def _pushed(self, key: int, pushing: _Pushing, event: Event) -> list[Message]:
        pushes, messages = pushing.pushes, list[Message]()
        match event:
            case SubmitUnconfirmed(task):
                messages = [pushes.acknowledgement(task)]
            case LinesAppended(task, page):
                messages = pushes.log(task, page)
            case StateChanged(task):
                word, pushing.word = pushing.word, STATUS_WORDS[task.state]
                messages = [pushes.status(task)] if word != pushing.word else []
            case ProgressChanged(task):
                messages = [pushes.progress(task)]
            case QueueMoved(task, ahead):
                messages = [pushes.waiting(task, ahead)]
            case Ended(task):
                del self._book.pushing[key]
                messages = pushes.end(task)
            case LineOpen():
                pass
        return messages

    def _lines(self, reading: _Reading, event: LinesAppended) -> list[Step]:
        """Further lines of a subscription, said once for all who are at that place."""
        form = reading.form
        way = (reading.pushes.exec_id, form, "msgpack" if self._packed else "json")
        frames = event.said.get(way)
        if frames is None:
            pushes, task, page = reading.pushes, event.task, event.page
            block = form is Form.BLOCK
            said = pushes.blocks(task, page) if block else pushes.lines(task, page, form)
            frames = event.said[way] = tuple(map(self._encoded, said))
        return [Send(frame, text=not self._packed) for frame in frames]

    def _read_on(self, key: int, reading: _Reading, event: Event) -> list[Message]:
        match event:
            case LineOpen(task, line):
                return [reading.pushes.partial(task, line)]
            case StateChanged(task) if reading.watch.state:
                word, reading.word = reading.word, STATUS_WORDS[task.state]
                return [reading.pushes.status(task)] if word != reading.word else []
            case ProgressChanged(task) if reading.watch.progress:
                return [reading.pushes.progress(task)]
            case QueueMoved(task, ahead) if reading.watch.queue:
                return [reading.pushes.waiting(task, ahead)]
            case Ended(task):
                del self._book.reading[key]
                return reading.pushes.eof(task, reading.watch)
            case _:
                return []
