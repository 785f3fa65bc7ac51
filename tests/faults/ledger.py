"""The ledger of a storm: what was asked, answered and seen, held against the invariants.

It records facts and judges them; it must never repair, guess or forget one. The numbers I1 to I12
name the invariants in the messages, and every failure prints the seed that makes it come again.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["FINAL", "RANK", "TIMEOUT_SECONDS", "Expected", "Ledger", "Seen", "Violation"]

RANK = {
    "Inited": 0,
    "WaitForRetry": 1,
    "Scheduled": 1,
    "Running": 2,
    "Succeed": 3,
    "Failed": 3,
    "Cancelled": 3,
    "Timeout": 3,
}
"""How far each status word is: for one observer it never goes down."""

TIMEOUT_SECONDS = 3.0
"""What a canary may have to wait, on a machine that others use as well."""
_FEW = 20

FINAL = frozenset(word for word, rank in RANK.items() if rank == 3)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: its number, whom it concerns and what was found."""

    invariant: str
    subject: str
    found: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.found}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run must do: its lines, its exit code and its one side effect.

    Of a run that is to be ``killed`` neither lines nor exit code are expected. ``effects`` is how
    many bytes its side effect has if it succeeds.
    """

    name: str
    lines: tuple[str, ...]
    exit_code: int
    effect: Path
    killed: bool = False
    effects: int = 1

    @property
    def status(self) -> str:
        """The status word in which it must end."""
        if self.killed:
            return "Cancelled"
        return "Failed" if self.exit_code else "Succeed"


@dataclass(slots=True)
class Seen:
    """What one subscription received, in the order in which it came, with monotonic times.

    Texts hold bytes that are not UTF-8 as surrogates, so that nothing is lost. The parts of a long
    line are collected in ``open`` and become one line with the last of them.
    """

    run: str
    start: int = 1
    lines: list[tuple[int, str]] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    ends: list[tuple[str, int | None]] = field(default_factory=list)
    complete: bool = False

    @property
    def following(self) -> int:
        """The number of the next line that this subscription is owed."""
        return self.lines[-1][0] + 1 if self.lines else self.start

    def line(self, number: int, text: str, stream: str = "out") -> None:
        """Another line came."""
        self.lines.append((number, text))
        self.streams.append(stream)
        self.times.append(time.monotonic())

    def part(self, number: int, text: str, stream: str, part: int, *, more: bool) -> None:
        """A part of a long line came; the first part begins the line anew."""
        if part == 1:
            self.open.clear()
        self.open.append(text)
        if len(self.open) != part:
            text = f"part {part} of line {number} where part {len(self.open)} was due"
            self.open[:] = [text]
        if not more:
            self.line(number, "".join(self.open), stream)
            self.open.clear()

    def said(self, stream: str) -> str:
        """All texts of one stream, joined by line feeds."""
        reported = zip(self.lines, self.streams, strict=True)
        return "\n".join(text for (_, text), said in reported if said == stream)

    def end(self, status: str, exit_code: int | None) -> None:
        """The end was told: nothing may follow, and it may not be told again."""
        self.ends.append((status, exit_code))
        self.complete = True


class Ledger:
    """Everything that a storm's clients saw."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.asked: dict[str, Expected] = {}
        self.answers: dict[str, list[str]] = defaultdict(list)
        self.states: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
        self.seen: list[Seen] = []
        self.errors: list[tuple[float, str]] = []
        self.kills: list[tuple[float, str]] = []
        self.found: list[Violation] = []
        self.waited: list[float] = []
        self.secret = f"canary-{os.urandom(12).hex()}"

    def ask(self, expected: Expected) -> None:
        """A run is about to be submitted."""
        self.asked[expected.name] = expected

    def acknowledge(self, name: str, exec_id: str) -> None:
        """A submit of a run was answered; repeated submits may be answered again."""
        self.answers[name].append(exec_id)

    def state(self, run: str, observer: str, word: str) -> None:
        """An observer was told the status of a run; the same word again is kept once."""
        history = self.states[run, observer]
        if not history or history[-1][1] != word:
            history.append((time.monotonic(), word))

    def subscription(self, run: str, start: int = 1) -> Seen:
        """Opens the record of one subscription."""
        seen = Seen(run, start)
        self.seen.append(seen)
        return seen

    def killed(self, what: str) -> None:
        """A part of the product was killed."""
        self.kills.append((time.monotonic(), what))

    def refused(self, what: str) -> None:
        """A request was not answered with success; kept for the report."""
        self.errors.append((time.monotonic(), what))

    def violate(self, invariant: str, subject: str, found: str) -> None:
        """Enters a violation that somebody else has found."""
        self.found.append(Violation(invariant, subject, found))

    @property
    def final(self) -> frozenset[str]:
        """The names of the runs that somebody saw in a final state."""
        return frozenset(
            run for (run, _), history in self.states.items() if history[-1][1] in FINAL
        )

    def violations(self) -> list[Violation]:
        """Every broken invariant, in the order of their numbers."""
        found = [
            *self.found,
            *self._acknowledged(),
            *self._orders(),
            *self._effects(),
            *self._logs(),
            *self._subscriptions(),
            *self._codes(),
            *self._identifiers(),
            *self._waits(),
        ]
        return sorted(found, key=lambda each: int(each.invariant[1:]))

    def check(self) -> None:
        """Raises AssertionError with the seed and every violation, if there is one."""
        found = self.violations()
        if found:
            shown = "\n  ".join(str(each) for each in found[:40])
            raise AssertionError(
                f"seed {self.seed}: {len(found)} violations after {len(self.kills)} kills\n  "
                f"{shown}"
            )

    def _acknowledged(self) -> Iterable[Violation]:
        for name in self.asked:
            if not self.answers[name]:
                yield Violation("I1", name, "was never acknowledged")
            elif name not in self.final:
                yield Violation("I1", name, f"{self.answers[name][0]} never became final")

    def _orders(self) -> Iterable[Violation]:
        endings: dict[str, set[str]] = defaultdict(set)
        for (run, observer), history in self.states.items():
            words = [word for _, word in history]
            yield from self._order(run, observer, words)
            endings[run] |= FINAL.intersection(words)
        for run, words_seen in endings.items():
            if len(words_seen) > 1:
                yield Violation("I2", run, f"ended as {sorted(words_seen)}")

    def _order(self, run: str, observer: str, words: Sequence[str]) -> Iterable[Violation]:
        unknown = [word for word in words if word not in RANK]
        if unknown:
            yield Violation("I2", run, f"{observer} was told {unknown}")
            return
        ranks = [RANK[word] for word in words]
        if ranks != sorted(ranks) or sum(word in FINAL for word in words) > 1:
            yield Violation("I2", run, f"{observer} saw {' > '.join(words)}")

    def _effects(self) -> Iterable[Violation]:
        for name, expected in self.asked.items():
            effects = expected.effect.stat().st_size if expected.effect.exists() else 0
            if effects > 1:
                yield Violation("I3", name, f"ran {effects} times")
            ended = {history[-1][1] for (run, _), history in self.states.items() if run == name}
            if "Succeed" in ended and effects != expected.effects:
                yield Violation("I3", name, f"succeeded with {effects} side effects")

    def _logs(self) -> Iterable[Violation]:
        for seen in self.seen:
            if not seen.complete or self.asked[seen.run].killed:
                continue
            wanted = self.asked[seen.run].lines[seen.start - 1 :]
            texts = tuple(text for _, text in seen.lines)
            if texts != wanted:
                yield Violation("I4", seen.run, difference(texts, wanted))

    def _subscriptions(self) -> Iterable[Violation]:
        content: dict[tuple[str, int], str] = {}
        for seen in self.seen:
            numbers = [number for number, _ in seen.lines]
            if numbers != list(range(seen.start, seen.start + len(numbers))):
                yield Violation("I5", seen.run, f"a reader got {breaks(numbers, seen.start)}")
            if len(seen.ends) > 1:
                yield Violation("I5", seen.run, f"was told its end {len(seen.ends)} times")
            for number, text in seen.lines:
                if content.setdefault((seen.run, number), text) != text:
                    yield Violation("I5", seen.run, f"line {number} differs between readers")

    def _codes(self) -> Iterable[Violation]:
        for name, expected in self.asked.items():
            ended = {history[-1][1] for (run, _), history in self.states.items() if run == name}
            wrong = (ended & FINAL) - {expected.status}
            if wrong:
                yield Violation("I7", name, f"ended {sorted(wrong)}, not {expected.status}")
        for seen in self.seen:
            wanted = self.asked[seen.run]
            for _, code in seen.ends:
                if code != wanted.exit_code and not wanted.killed:
                    yield Violation("I7", seen.run, f"exit code {code}, not {wanted.exit_code}")

    def _waits(self) -> Iterable[Violation]:
        if len(self.waited) < _FEW:
            return
        worst = sorted(self.waited)[int(len(self.waited) * 0.99)]
        if worst > TIMEOUT_SECONDS:
            yield Violation("I12", "the canary", f"waited {worst:.2f} s (p99)")

    def _identifiers(self) -> Iterable[Violation]:
        owners: Counter[str] = Counter()
        for name, answers in self.answers.items():
            if len(set(answers)) > 1:
                yield Violation("I8", name, f"was given {sorted(set(answers))}")
            owners.update(set(answers))
        for exec_id, count in owners.items():
            if count > 1:
                yield Violation("I8", exec_id, f"names {count} runs")


def breaks(numbers: Sequence[int], start: int) -> str:
    """Where a sequence of line numbers first leaves the path."""
    wanted = start
    for position, number in enumerate(numbers):
        if number != wanted:
            return f"line {number} where {wanted} was due (its {position + 1}th of {len(numbers)})"
        wanted += 1
    return "nothing wrong"


def difference(texts: Sequence[str], wanted: Sequence[str]) -> str:
    """The first place where a log is not what it must be."""
    for position, (text, due) in enumerate(zip(texts, wanted, strict=False), 1):
        if text != due:
            return f"line {position} is {text[:80]!r}, not {due[:80]!r}"
    return f"{len(texts)} lines, not {len(wanted)}"
