"""Following a task: each line once and in order, by every way and through every break."""

import pytest

from gateway.client import calls
from gateway.client.errors import ClientError, ConnectionFailed
from gateway.client.follow import Follower, Place
from gateway.client.plans import Pacing, ask
from gateway.client.submission import Submission
from gateway.client.values import End, Partial, Progress, ProgressChanged, StateChanged, Submitted
from protocol.logs import Gap, Line, Stream
from tests.gateway.client.player import Player, answer, broken, eof, lines, page, push, rows

ACK = push("subscribe", {"execID": "e"})
DONE = answer({"execID": "e", "status": "Succeed", "exitCode": 0, "signal": None})


def follow(player: Player, task: str | Submission = "e", line: int = 1) -> list[object]:
    """What following tells, lines as their numbers."""
    player.play(Follower(task, Place(line), player.pacing()).plan())
    return [item.number if isinstance(item, Line) else item for item in player.news]


END = End(3, "Succeed", 0, None)


def test_one_socket() -> None:
    """Lines come by one subscription, then the end; no HTTP request is made."""
    player = Player(sockets=[[ACK, lines(1, 2), lines(3), eof(3)]])
    assert follow(player) == [1, 2, 3, END]
    assert player.asked == []
    assert player.pauses == []


def test_the_beginning_may_be_any_line() -> None:
    """The subscription asks for the line that the caller wants first."""
    player = Player(sockets=[[lines(3), eof(3)]])
    assert follow(player, line=3) == [3, END]
    assert player.sent[0]["data"] == {"fromLine": 3, "format": "lines", "text": "raw"}


def test_glimpses_and_credit() -> None:
    """What stands on an open line is told as such, and each batch of lines is acknowledged."""
    glimpse = push("partial", {"execID": "e", "n": 3, "t": 1, "s": "err", "text": "42%"})
    long = push("lines", {"execID": "e", "lines": [{**rows(3)[0], "part": 1, "more": True}]})
    last = push("lines", {"execID": "e", "lines": [{**rows(3)[0], "part": 2, "more": False}]})
    player = Player(sockets=[[ACK, lines(1, 2), glimpse, long, last, eof(3)]])
    player.play(Follower("e", Place(), player.pacing(), partial=True, credit=2).plan())
    assert player.news[2] == Partial(3, Stream.ERR, "42%")
    asked, *acks = player.sent
    assert (asked["data"]["partial"], asked["data"]["credit"]) == (True, 2)
    assert [ack["method"].rpartition("/")[2] for ack in acks] == ["ack"] * 3
    assert [ack["data"] for ack in acks] == [{"line": 2}, {"line": 3, "part": 1}, {"line": 3}]


def test_a_broken_socket() -> None:
    """After a break the next socket goes on at the first line not told, whatever it repeats."""
    player = Player(sockets=[[ACK, lines(1, 2), broken()], [ACK, lines(2, 3), eof(3)]])
    assert follow(player) == [1, 2, 3, END]
    assert [frame["data"]["fromLine"] for frame in player.sent] == [1, 3]
    assert len(player.pauses) == 1


def test_a_socket_that_cannot_be_had() -> None:
    """Without a websocket the lines come by long polling, and the end with its exit code."""
    player = Player(replies=[page(1, 2, follows=3), page(3, follows=4, eof=True), DONE])
    assert follow(player) == [1, 2, StateChanged("Running"), 3, END]
    assert "GET /e/log format=lines text=raw fromLine=3 size=5000" in player.asked[1]


def test_the_return_to_the_websocket() -> None:
    """When polling has gone on for a while the websocket is tried again, from the same place."""
    player = Player(
        sockets=[[broken()], [ACK, lines(3), eof(3)]],
        replies=[page(1, 2, follows=3), broken()],
    )
    assert follow(player) == [1, 2, StateChanged("Running"), 3, END]
    assert [frame["data"]["fromLine"] for frame in player.sent] == [1, 3]


def test_a_silent_socket_is_left() -> None:
    """A socket that never answers the subscription is given up for polling."""
    player = Player(sockets=[[None]], replies=[page(1, 2, 3, follows=4, eof=True), DONE])
    assert follow(player)[-1] == END


def test_silence_after_the_answer_is_patience() -> None:
    """A quiet task keeps its socket for any time."""
    player = Player(sockets=[[ACK, *[None] * 100, lines(1, 2, 3), eof(3)]])
    assert follow(player) == [1, 2, 3, END]


def test_a_refused_subscription_is_asked_about_over_http() -> None:
    """Whether a refusal is final is read from the HTTP code."""
    refusal = push("subscribe", {}, status=1)
    player = Player(sockets=[[refusal]], replies=[answer({}, 400, 1)])
    with pytest.raises(ClientError, match="words") as caught:
        follow(player)
    assert caught.value.code == 400


def test_other_tasks_on_the_socket() -> None:
    """Pushes about other tasks of the user change nothing."""
    other = push("lines", {"execID": "f", "lines": [], "last": 9}, task="f")
    player = Player(sockets=[[other, ACK, lines(1), other, lines(2, 3), eof(3)]])
    assert follow(player) == [1, 2, 3, END]


def test_a_line_lost_on_the_way() -> None:
    """A hole in what one socket brings is closed by asking anew."""
    player = Player(sockets=[[ACK, lines(1), lines(3)], [lines(2, 3), eof(3)]])
    assert follow(player) == [1, 2, 3, END]
    assert [frame["data"]["fromLine"] for frame in player.sent] == [1, 2]


def test_lines_no_longer_kept() -> None:
    """A hole at the beginning of an answer is one that nobody can fill: it is told as a gap."""
    player = Player(sockets=[[ACK, lines(3), eof(3)]])
    assert follow(player) == [Gap(1, 2), 3, END]


def test_gaps_that_are_named() -> None:
    """A hole that the gateway names is not asked about again, wherever it lies."""
    named = lines(1, 4, gaps=[[2, 3], [5, 6]])
    player = Player(sockets=[[ACK, named, lines(7), eof(7)]])
    assert follow(player) == [1, Gap(2, 3), 4, Gap(5, 6), 7, End(7, "Succeed", 0, None)]
    assert len(player.sent) == 1


def test_the_answer_tells_the_state() -> None:
    """The answer to the subscription is the first word about the state."""
    ack = push("subscribe", {"execID": "e", "status": "Running"})
    player = Player(sockets=[[ack, lines(1, 2, 3), eof(3)]])
    assert follow(player) == [StateChanged("Running"), 1, 2, 3, END]


def test_an_end_before_its_lines() -> None:
    """An end that comes before the last line is not believed."""
    player = Player(sockets=[[ACK, lines(1), eof(3)], [lines(2, 3), eof(3)]])
    assert follow(player) == [1, 2, 3, END]


def test_an_end_whose_lines_are_gone() -> None:
    """If the last lines are no longer kept the end is told after a gap."""
    player = Player(sockets=[[ACK, eof(3)]])
    assert follow(player, line=2) == [Gap(2, 3), END]


def part(number: int, part: int, *, more: bool) -> str:
    """A part of a long line."""
    row = {"n": number, "t": 1, "s": "out", "text": f"<{part}>", "part": part, "more": more}
    return push("lines", {"execID": "e", "lines": [row], "last": number})


def test_parts_of_a_long_line() -> None:
    """A break inside a long line neither repeats nor loses a part of it."""
    player = Player(
        sockets=[
            [ACK, lines(1), part(2, 1, more=True), part(2, 2, more=True), broken()],
            [part(2, 1, more=True), part(2, 2, more=True), part(2, 3, more=False), broken()],
            [lines(3), eof(3)],
        ]
    )
    assert follow(player) == [1, 2, 2, 2, 3, END]
    parts = [(i.part, i.more) for i in player.news if isinstance(i, Line) and i.number == 2]
    assert parts == [(1, True), (2, True), (3, False)]
    assert [frame["data"].get("fromPart") for frame in player.sent] == [None, 3, None]
    assert [frame["data"]["fromLine"] for frame in player.sent] == [1, 2, 3]


def test_a_missing_part() -> None:
    """A hole between the parts of a line is closed by asking anew."""
    player = Player(
        sockets=[
            [ACK, part(1, 1, more=True), part(1, 3, more=False)],
            [part(1, 2, more=True), part(1, 3, more=False), eof(1)],
        ]
    )
    assert follow(player) == [1, 1, 1, End(1, "Succeed", 0, None)]


def test_state_and_progress() -> None:
    """Changes of state are told once each, progress as it comes."""
    player = Player(
        sockets=[
            [
                push("status", {"execID": "e", "status": "Running"}),
                push("status", {"execID": "e", "status": "Running"}),
                push("progress", {"execID": "e", "progress": 0.5, "progressInfo": []}),
                push("log", {"execID": "e", "log": ["", "", "", "x\n"]}),
                eof(0, "Failed", 3),
            ]
        ]
    )
    assert follow(player) == [
        StateChanged("Running"),
        ProgressChanged(Progress(0.5)),
        End(0, "Failed", 3, None),
    ]


JOB = Submission("shell", "sh", "echo", "r1")
ACCEPTED = push("execute", {"execID": "e", "taskID": 4}, task="")


def test_a_run_on_one_socket() -> None:
    """Code is submitted and followed by the same socket."""
    player = Player(sockets=[[ACCEPTED, ACK, lines(1, 2, 3), eof(3)]])
    assert follow(player, JOB) == [Submitted("e", 4), 1, 2, 3, END]
    assert [frame["method"].rpartition("/")[2] for frame in player.sent] == [
        "execute",
        "subscribe",
    ]


def test_a_submission_without_an_answer() -> None:
    """If the acknowledgement is lost the same request is made again, by the same id."""
    player = Player(
        sockets=[[broken()], [ACK, lines(1, 2, 3), eof(3)]],
        replies=[answer({"execID": "e", "taskID": 4}), page(follows=1)],
    )
    assert follow(player, JOB)[0] == Submitted("e", 4)
    assert player.sent[0]["data"]["requestId"] == "r1"
    assert player.asked[0] == "POST /execute"
    assert [f["method"].rpartition("/")[2] for f in player.sent] == ["execute", "subscribe"]


def test_a_refused_submission() -> None:
    """A refusal of the submission is told with the gateway's words."""
    refusal = push("execute", {}, task="", status=2)
    player = Player(sockets=[[refusal]], replies=[answer({}, 412, 2)])
    with pytest.raises(ClientError, match="words") as caught:
        follow(player, JOB)
    assert (caught.value.status, caught.value.code) == (2, 412)


def test_a_task_by_its_number() -> None:
    """A task number is turned into the execID that the pushes carry."""
    player = Player(sockets=[[ACK, lines(1, 2, 3), eof(3)]], replies=[DONE])
    assert follow(player, "17") == [1, 2, 3, END]
    assert player.asked == ["GET /17/status"]


def test_patience_ends() -> None:
    """A gateway that stays away is given up after the patience, not before."""
    player = Player()
    with pytest.raises(ConnectionFailed):
        follow(player)
    assert 30 < player.now <= 61
    assert max(player.pauses) <= 15


def test_patience_begins_anew_after_each_contact() -> None:
    """A socket that lived for hours does not use up the patience."""
    player = Player(sockets=[[ACK, *[None] * 200, broken()]])
    with pytest.raises(ConnectionFailed):
        follow(player)
    assert player.now > 200 * 60 + 30


def test_asking_again() -> None:
    """A question is repeated while the gateway is away or overloaded, and no longer."""
    player = Player(replies=[broken(), answer({}, 503, 1), DONE])
    status = player.play(ask(calls.status("e"), player.pacing()))
    assert status.status == "Succeed"
    assert len(player.pauses) == 2
    player = Player(replies=[answer({}, 400, 1), DONE])
    with pytest.raises(ClientError):
        player.play(ask(calls.status("e"), player.pacing()))
    assert player.pauses == []


def test_text_is_bytes_again() -> None:
    """A line is the same value as everywhere in the product."""
    player = Player(sockets=[[ACK, lines(1), eof(1)]])
    follow(player)
    assert player.news[0] == Line(1, 1, Stream.OUT, b"line 1")


def test_back_off_spreads() -> None:
    """The first pause differs between clients by more than a second."""
    early = Pacing(60, lambda: 0.0, lambda: 0.0).delay(0)
    late = Pacing(60, lambda: 0.0, lambda: 1.0).delay(0)
    assert 0 < early < late - 1
