"""The one websocket loop: a dialect's session on one side, a wire on the other.

The session decides what is said; this file carries it out. Everything that leaves goes through one
outbox in one order. The identity of a socket never changes once it has one. This is one of the
three places that catch everything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, assert_never

from gateway import clock, ids
from gateway.auth.guard import admit
from gateway.auth.identify import Identify
from gateway.caller import Access, Caller
from gateway.config import Config
from gateway.dispatch import Dispatch
from gateway.garbage import forget_frames
from gateway.journal import bound, journal
from gateway.services.heavy_work import HeavyWork
from gateway.tracing.current import following
from gateway.tracing.tracer import traces
from gateway.transport.outbox import Outbox
from gateway.transport.socket_rounds import SocketRounds
from gateway.transport.websocket_connection import ConnectionLost, WebSocketConnection
from protocol.accounts import Principal, Token
from protocol.commands.subscriptions import Following
from protocol.dialect import (
    Acknowledge,
    Ask,
    Authenticate,
    Close,
    Follow,
    Frame,
    Send,
    Step,
    Unfollow,
    WebSocketDialect,
)
from protocol.errors import GatewayError, Kind
from protocol.events import Event

__all__ = ["Conversation"]

_journal = journal("gateway.websocket")

_NORMAL, _POLICY, _FAULT, _RESTART, _TRY_LATER = 1000, 1008, 1011, 1012, 1013
_TROUBLE_SECONDS = 1.0
_OUTSTANDING = 32
_PAGES = 4
_STRANGER_MESSAGES = 8
_STRANGER_BYTES = 8192


class _Closed(Exception):  # noqa: N818 - the ordinary end of a conversation
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Conversation:
    """One websocket from its opening to its end."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each part
        self,
        config: Config,
        dialect: WebSocketDialect,
        wire: WebSocketConnection,
        dispatch: Dispatch,
        identify: Identify,
        heavy: HeavyWork,
        rounds: SocketRounds,
        caller: Caller,
        credential: Token | None,
        query: Mapping[str, str],
    ) -> None:
        self._limits = config.limits
        self._dialect = dialect
        self._session = dialect.conversation(query)
        # What is said to the session while a thread reads a long message for it has to wait.
        self._alone = asyncio.Lock()
        self._heavy = heavy
        self._rounds = rounds
        self._wire = wire
        self._dispatch = dispatch
        self._identify = identify
        self._address = caller.address
        self._principal = caller.principal
        self._credential = credential
        self._outbox = Outbox(wire)
        self._outstanding = asyncio.Semaphore(_OUTSTANDING)
        self._turn = asyncio.Semaphore(_PAGES)
        self._tails: dict[int, asyncio.Task[None]] = {}
        self._following: dict[int, Following] = {}
        self._yielding: dict[int, None] = {}
        self._group: asyncio.TaskGroup | None = None
        self._allowance = float(self._limits.message_burst)
        self._counted = clock.monotonic()
        self._strange = 0
        self._traces = traces(config.tracing)

    @property
    def user(self) -> str:
        """Who is logged in; empty for nobody."""
        return self._principal.name if self._principal else ""

    async def run(self) -> None:
        """Holds the conversation until either side ends it."""
        code, reason = _NORMAL, ""
        with bound(socket=ids.new_request_id()):
            try:
                await self._held()
            except* ConnectionLost as lost:
                forget_frames(lost)
            except* _Closed as closed:
                code, reason = _ending(closed)
                forget_frames(closed)
            except* Exception:  # noqa: BLE001 - one of the three boundaries
                _journal.exception("a conversation failed", user=self.user)
                code, reason = _FAULT, "internal error"
        self._wire.close(code, reason)

    def restart(self) -> None:
        """Ends the conversation because this process ends: the client may come back at once."""
        self._wire.close(_RESTART, "the gateway restarts")

    async def _held(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._outbox.drain())
            self._rounds.enter(self, self._wire)
            try:
                async with self._alone:
                    self._perform(self._session.opened(self.user, clock.now_ms()))
                await self._listen()
            finally:
                self._rounds.leave(self, self._wire)

    async def _listen(self) -> None:
        while True:
            frame = await self._wire.receive()
            self._admit(frame)
            # No more calls at a time than this: the next message waits, and then the peer.
            async with self._outstanding, self._alone:
                received = partial(self._session.received, frame, clock.now_ms())
                slow = self._dialect.heavy(frame)
                self._perform(await self._worked(received, slow=slow))

    async def _worked(self, work: Callable[[], Sequence[Step]], *, slow: bool) -> Sequence[Step]:
        """Does what may take long beside the loop, and the rest at once."""
        return await self._heavy.run(self.user, work, patient=True) if slow else work()

    def _admit(self, frame: Frame) -> None:
        now = clock.monotonic()
        earned = (now - self._counted) * self._limits.messages_per_second
        self._counted = now
        self._allowance = min(self._allowance + earned, float(self._limits.message_burst)) - 1
        if self._allowance < 0:
            raise _Closed(_POLICY, "too many messages")
        if self._principal is None:
            self._strange += 1
            if self._strange > _STRANGER_MESSAGES or len(frame) > _STRANGER_BYTES:
                raise _Closed(_POLICY, "log in first")

    def _perform(self, steps: Sequence[Step]) -> None:
        """Carries steps out in order, without waiting for anything."""
        refused: GatewayError | None = None
        for step in steps:
            match step:
                case Send():
                    self._outbox.put(step)
                case Ask():
                    self._spawn(self._asked(step, refused))
                case Authenticate(token):
                    refused = self._authenticate(token)
                case Follow():
                    self._follow(step)
                case Unfollow(key):
                    self._unfollow(key)
                case Acknowledge(key, cursor):
                    if key in self._following:
                        self._following[key].acknowledge(cursor)
                case Close(code, reason):
                    self._spawn(self._closing(code, reason))
                case _ as never:
                    assert_never(never)

    async def _asked(self, ask: Ask, refused: GatewayError | None) -> None:
        with following(ask.headers) if self._traces else contextlib.nullcontext():
            await self._performed(ask, refused)

    async def _performed(self, ask: Ask, refused: GatewayError | None) -> None:
        async with self._outstanding:
            if ask.slow:
                async with self._heavy.pages.turn(self.user, patient=True):
                    await self._finish(ask, await self._answer(ask, refused))
            else:
                await self._finish(ask, await self._answer(ask, refused))

    async def _finish(self, ask: Ask, result: object) -> None:
        async with self._alone:
            self._perform(await self._worked(self._reported(ask, result), slow=ask.slow))
        await self._outbox.emptied()

    def _reported(self, ask: Ask, result: object) -> Callable[[], Sequence[Step]]:
        """Tells the session the result of a command, or why there is none."""
        now = clock.now_ms()
        if isinstance(result, GatewayError):
            return partial(self._session.failed, ask.key, result, now)
        return partial(self._session.answered, ask.key, result, now)

    async def _answer(self, ask: Ask, refused: GatewayError | None) -> object:
        """The result of a command, or the error for which there is none."""
        if refused is not None:
            return refused
        try:
            return await self._carried_out(ask)
        except GatewayError as error:
            return error
        except Exception:  # noqa: BLE001 - one of the three boundaries
            _journal.exception(
                "a message failed", user=self.user, command=type(ask.command).__name__
            )
            return GatewayError(Kind.INTERNAL, "internal error")

    async def _carried_out(self, ask: Ask) -> object:
        while True:
            try:
                caller = Caller(self._principal, self._address)
                # A row of the table is as closed here as over HTTP, whatever its command is.
                admit(caller, Access.OPEN if ask.open else Access.LOOK)
                return await self._dispatch(caller, ask.command)
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE or not ask.patient:
                    raise
            await asyncio.sleep(_TROUBLE_SECONDS)

    def _authenticate(self, token: str) -> GatewayError | None:
        credential = Token(token)
        try:
            found = self._identify(credential)
        except GatewayError as error:
            return error
        if self._principal is not None and self._principal.name != found.name:
            return GatewayError(Kind.FORBIDDEN, "this websocket belongs to another user")
        try:
            self._wire.usage.login(found.name)
        except GatewayError as error:
            raise _Closed(_TRY_LATER, error.message) from error
        self._principal, self._credential = found, credential
        return None

    def _follow(self, follow: Follow) -> None:
        self._unfollow(follow.key)
        if self._principal is None:
            error = GatewayError(Kind.UNAUTHENTICATED, "log in first")
            self._perform(self._session.failed(follow.key, error, clock.now_ms()))
            return
        if len(self._tails) >= self._limits.subscriptions:
            given_up = follow.key if follow.yields else next(iter(self._yielding), follow.key)
            message = f"at most {self._limits.subscriptions} tasks are followed on one websocket"
            error = GatewayError(Kind.EXHAUSTED, message)
            self._unfollow(given_up)
            self._perform(self._session.failed(given_up, error, clock.now_ms()))
            if given_up == follow.key:
                return
        if follow.yields:
            self._yielding[follow.key] = None
        caller = Caller(self._principal, self._address)
        self._tails[follow.key] = self._spawn(self._followed(follow, caller))

    def _unfollow(self, key: int) -> None:
        tail = self._forget(key)
        if tail is not None:
            tail.cancel()

    def _forget(self, key: int) -> asyncio.Task[None] | None:
        """Takes a subscription out of all that is known; its tail, if there was one."""
        self._following.pop(key, None)
        self._yielding.pop(key, None)
        return self._tails.pop(key, None)

    async def _followed(self, follow: Follow, caller: Caller) -> None:
        key, current = follow.key, asyncio.current_task()
        try:
            following = await self._subscribed(follow, caller)
            self._following[key] = following
            await following.run(lambda event, then: self._tell(key, event, then), self._turn)
        except GatewayError as error:
            async with self._alone:
                self._perform(self._session.failed(key, error, clock.now_ms()))
        finally:
            if self._tails.get(key) is current:
                self._forget(key)

    async def _subscribed(self, follow: Follow, caller: Caller) -> Following:
        """The subscription; what is to be resumed is asked for until the gateway can tell."""
        while True:
            try:
                return await self._dispatch(caller, follow.command)
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE or not follow.resume:
                    raise
            await asyncio.sleep(_TROUBLE_SECONDS)

    async def _tell(self, key: int, event: Event | None, then: Callable[[], None] | None) -> None:
        """Sends what the session says of an event; ``then`` is called once the client has it."""
        confirmations = self._wire.confirmations
        async with self._alone:
            with self._wire.together():
                if event is not None:
                    self._perform(self._session.on_event(key, event, clock.now_ms()))
                if then is not None and self._outbox.idle:
                    # In the same packet, if that can be: whoever has the one has the other.
                    confirmations.after(then)
                    then = None
        await self._outbox.emptied()
        await self._wire.taken()
        if then is not None:
            confirmations.after(then)

    def check_stranger(self) -> None:
        """Ends the conversation if nobody has logged in."""
        if self._principal is None:
            self._end(_Closed(_POLICY, "log in first"))

    def check_login(self) -> None:
        """Ends the conversation of a user whose ticket is worthless."""
        if self._principal is None:
            return
        try:
            if not self._still(self._credential, self._principal):
                self._end(_Closed(_POLICY, "your login has ended"))
        except Exception as error:  # noqa: BLE001 - it is for this conversation alone
            self._end(error)

    def _end(self, error: Exception) -> None:
        """Ends the conversation by an error, as if one of its tasks had raised it."""
        with contextlib.suppress(ConnectionLost):
            self._spawn(_raised(error))

    def _still(self, credential: Token | None, principal: Principal) -> bool:
        try:
            return credential is not None and self._identify.current(credential, principal)
        except GatewayError:
            return False

    async def _closing(self, code: int, reason: str) -> None:
        await self._outbox.emptied()
        raise _Closed(code, reason)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self._group is not None:
            # A group that is ending takes nothing more, and says so by this error only.
            with contextlib.suppress(RuntimeError):
                return self._group.create_task(work)
        work.close()
        raise ConnectionLost


async def _raised(error: Exception) -> None:
    raise error


def _ending(closed: BaseExceptionGroup[_Closed]) -> tuple[int, str]:
    first: BaseException = closed
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return (first.code, first.reason) if isinstance(first, _Closed) else (_NORMAL, "")
