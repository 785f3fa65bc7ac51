"""Plays a plan against a written script: which step comes, and what it comes to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.client.call import Reply
from gateway.client.errors import ConnectionFailed
from gateway.client.plans import Connect, Fetch, Hangup, Pacing, Pause, Plan, Receive, Send, Tell
from gateway.client.values import News

__all__ = ["Player", "answer", "broken", "eof", "lines", "page", "push"]

ROOT = "/api/rest_j/v1/entrance"


@dataclass(slots=True)
class Player:
    """Gives the written results in turn, a ConnectionFailed by throwing it, and notes all steps.

    Time passes only by pauses and by receiving nothing. Each script is used up by its kind of
    step; one that is empty means that the gateway is gone.
    """

    sockets: list[list[object]] = field(default_factory=list)
    replies: list[Reply | ConnectionFailed] = field(default_factory=list)
    now: float = 0.0
    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    batches: int = 0
    _open: Iterator[object] = field(default_factory=lambda: iter(()))

    def pacing(self, timeout: float = 60.0) -> Pacing:
        """Pacing by this player's clock, without chance."""
        return Pacing(timeout, lambda: self.now, lambda: 1.0)

    def play(self, plan: Plan[Any]) -> Any:  # noqa: ANN401 - whatever the plan comes to
        """Carries the plan out to its end."""
        result: object = None
        while True:
            try:
                if isinstance(result, ConnectionFailed):
                    step = plan.throw(result)
                else:
                    step = plan.send(result)
            except StopIteration as done:
                return done.value
            result = self._do(step)

    def _do(self, step: object) -> object:
        match step:
            case Fetch(call):
                self.asked.append(f"{call.method} {call.path.removeprefix(ROOT)}")
                self.asked[-1] += "".join(f" {k}={v}" for k, v in call.query.items())
                return self.replies.pop(0) if self.replies else broken()
            case Connect():
                if not self.sockets:
                    return broken()
                self._open = iter(self.sockets.pop(0))
            case Send(frame):
                self.sent.append(orjson.loads(frame))
            case Receive(seconds):
                result = next(self._open, broken())
                self.now += seconds if result is None else 0
                return result
            case Pause(seconds):
                self.pauses.append(seconds)
                self.now += seconds
            case Tell(news):
                self.batches += 1
                self.news += news
            case Hangup():
                self._open = iter(())
        return None


def broken() -> ConnectionFailed:
    """The connection is gone."""
    return ConnectionFailed("gone")


def push(verb: str, data: dict[str, object], task: str = "e", status: int = 0) -> str:
    """A message of the gateway."""
    envelope = {"method": f"{ROOT}/{task}/{verb}", "status": status, "message": "", "data": data}
    return orjson.dumps(envelope).decode()


def rows(*numbers: int) -> list[dict[str, object]]:
    """Plain lines."""
    return [{"n": n, "t": n, "s": "out", "text": f"line {n}"} for n in numbers]


def lines(*numbers: int, **more: object) -> str:
    """A push of plain lines."""
    listed = rows(*numbers)
    return push("lines", {"execID": "e", "lines": listed, "last": numbers[-1], **more})


def eof(last: int, status: str = "Succeed", code: int | None = 0) -> str:
    """The last push."""
    data = {"execID": "e", "last": last, "status": status, "exitCode": code, "signal": None}
    return push("eof", data)


def answer(data: dict[str, object], code: int = 200, status: int = 0) -> Reply:
    """An HTTP reply in the envelope."""
    envelope = {"method": "", "status": status, "message": "words", "data": data}
    return Reply(code, orjson.dumps(envelope))


def page(*numbers: int, follows: int, eof: bool = False, status: str = "Running") -> Reply:
    """A page of plain lines over HTTP."""
    data: dict[str, object] = {
        "execID": "e",
        "lines": rows(*numbers),
        "fromLine": follows,
        "first": 1,
        "last": follows - 1,
        "eof": eof,
        "status": status,
    }
    return answer(data)
