"""Words for which code is refused, if the configuration names any (contract, section 7.4).

A reminder for people of good will, and never a protection: every language has ways to write a word
otherwise, and what confines code is the account that it runs under. unlike Linkis: nothing is
refused unless an administrator lists it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.commands.tasks import Execute
from protocol.dialects.linkis.submission import RuleError
from protocol.errors import GatewayError, Kind

__all__ = ["CodeChecks"]

_MOST = 200
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class CodeChecks:
    """What is refused, by the language of the code."""

    refused: Mapping[str, re.Pattern[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, setting: object) -> CodeChecks:
        """The checks that a table of lists asks for: words by language.

        Raises:
            GatewayError: INVALID if it is no such table.
        """
        if not isinstance(setting, Mapping):
            raise _unfit()
        return cls({str(name): _pattern(words) for name, words in setting.items() if words != []})

    def passed(self, execute: Execute) -> Execute:
        """The same submission, if its code holds no such word.

        Raises:
            RuleError: it holds one, which the message names.
        """
        pattern = self.refused.get(execute.language)
        found = pattern.search(execute.code) if pattern else None
        if found is None:
            return execute
        error = GatewayError(
            Kind.FORBIDDEN,
            f"{found[0]!r} may not be used in {execute.language} code here",
            field="executionCode",
        )
        raise RuleError(error, execute)


def _pattern(words: object) -> re.Pattern[str]:
    """Any of the words, as a whole: letters and digits may not go on at an end that is one."""
    if not isinstance(words, list) or len(words) > _MOST:
        raise _unfit()
    ways = []
    for word in words:
        if not isinstance(word, str) or not 0 < len(word) <= _LONGEST:
            raise _unfit()
        before = r"(?<!\w)" if re.match(r"\w", word[0]) else ""
        after = r"(?!\w)" if re.match(r"\w", word[-1]) else ""
        ways.append(f"{before}{re.escape(word)}{after}")
    return re.compile("|".join(ways))


def _unfit() -> GatewayError:
    return GatewayError(
        Kind.INVALID,
        f"refused must be a table of lists of at most {_MOST} words of at most {_LONGEST}",
        field="refused",
    )
