"""Words in variables that are known late."""

from __future__ import annotations

from gateway.runner.run.placeholders import filled, port_variable


def test_words_are_filled_in_and_unknown_ones_are_empty() -> None:
    """What only looks like one stays."""
    values = {"A": "${narthex.task}:${narthex.ports.w.0.http}", "B": "${other} ${narthex.}"}
    words = {"task": "t", "ports.w.0.http": "80"}
    assert filled(values, words) == {"A": "t:80", "B": "${other} ${narthex.}"}
    assert filled(values, {})["A"] == ":"


def test_where_a_task_will_be_is_left_for_later() -> None:
    """Nobody knows it before it is there."""
    values = {"A": "${narthex.task} ${narthex.host.w.0}:${narthex.ports.w.0.http}"}
    early = filled(values, {"task": "t"}, late=True)
    assert early == {"A": "t ${narthex.host.w.0}:${narthex.ports.w.0.http}"}
    assert filled(early, {"host.w.0": "h", "ports.w.0.http": "1,2"}) == {"A": "t h:1,2"}


def test_a_label_becomes_a_variable() -> None:
    """Whatever it is made of."""
    assert port_variable("my-web.1") == "NARTHEX_PORTS_my_web_1"
