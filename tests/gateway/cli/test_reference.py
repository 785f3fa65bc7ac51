"""The page of the command line, and the letters of its options."""

import click

from gateway.cli.reference import PAGE, commands, letters, written


def test_the_page_is_what_the_commands_say() -> None:
    """After a change of a command: ``python -m gateway.cli.reference``."""
    assert PAGE.read_text(encoding="utf-8") == written()


def test_each_letter_has_one_meaning() -> None:
    """A letter stands for options of one name; two names are listed here with the reason."""
    found = {letter: names for letter, names in letters().items() if len(names) > 1}
    # -n is "so many" in both.
    assert found == {"-n": {"--limit", "--tail"}}
    assert {"-a", "-e", "-f", "-o", "-q", "-t"} <= letters().keys()


def test_every_command_prints_records() -> None:
    """``--json`` is everywhere."""
    without = {
        name
        for name, command in commands()
        if not isinstance(command, click.Group)
        and not any("--json" in param.opts for param in command.params)
    }
    assert without == set()
