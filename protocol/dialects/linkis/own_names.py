"""Which ``${name}`` in code are the language's own, and no variables of the gateway.

In a shell, in an f-string of Python, in an interpolated string of Scala and after ``set`` in SQL
the language itself puts in the value of a name that the script has set; there the script wins. What
is set is found by what assignments look like, not by running anything: where that cannot tell, what
stands before the first assignment is the gateway's, and what follows is the script's.

Every pattern here takes time in proportion to the code: nobody else is served meanwhile.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping

__all__ = ["SHELLS", "OwnNames"]

_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_WORD = (
    r"(?:\"(?:\\.|[^\"\\])*+\"|'[^']*+'|\$\([^()\n]*+\)|`[^`\n]*+`|\\.|[^\s;&|()\"'`\\])*+"
    r"(?:\([^()]*+\))?"
)
_OPERATOR = r"(?:[-+*/%&|^]|<<|>>)?=(?!=)"
_SHELL = re.compile(
    rf"""
    (?:^|[;&|({{!]|\b(?:then|do|else|elif|if|while|until)\b) [ \t]*+
    (?: (?P<declares>(?:export|declare|local|readonly|typeset)\b(?:[ \t]++-\w++)*+[ \t]++)?
        (?P<words>(?:{_NAME}(?:\[[^\]\n]*+\])?\+?={_WORD}[ \t]*+)++)
        (?P<ends>$|[;&|)(\#}}])? )?
    (?: (?:for|select)[ \t]++(?P<loop>{_NAME})\b
      | (?:read|mapfile|readarray|unset)\b(?P<read>(?:[ \t]++[-\w]++)++)
      | getopts[ \t]++\S++[ \t]++(?P<option>{_NAME})
      | printf[ \t]++-v[ \t]++(?P<printed>{_NAME})
      | let[ \t]++["']?(?P<let>{_NAME})[ \t]*+{_OPERATOR}
    )?
  | \(\([ \t]*+(?P<counted>{_NAME})[ \t]*+{_OPERATOR}
  | \$\{{(?P<default>{_NAME}):?=
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_ASSIGNED = re.compile(rf"\b({_NAME})(?:\[[^\]\n]*+\])?\+?={_WORD}", re.DOTALL)
_HERE = re.compile(r"(?<!<)<<-?[ \t]*+([\"']?)(\w++)\1")
_FUNCTION = re.compile(
    rf"^[ \t]*+(?:function[ \t]++{_NAME}(?:[ \t]*+\(\))?|{_NAME}[ \t]*+\(\))\s*+\{{", re.MULTILINE
)
_FUNCTION_END = re.compile(r"^\}", re.MULTILINE)
_PYTHON = re.compile(
    rf"^[ \t]*+(?P<names>{_NAME}(?:[ \t]*+,[ \t]*+{_NAME})*+)[ \t]*+(?::[^=\n;]++)?=(?!=)[^\n;]*+"
    rf"|\bdef[ \t]++{_NAME}[ \t]*+\((?P<given>[^()\n]*+)"
    rf"|\b(?:for|as|import|lambda)[ \t]++(?P<bound>{_NAME}(?:[ \t]*+,[ \t]*+{_NAME})*+)"
    rf"|\b(?P<walrus>{_NAME})[ \t]*+:=",
    re.MULTILINE,
)
_SCALA = re.compile(
    rf"\b(?:val|var|def)[ \t]++(?P<names>{_NAME})\b[^\n;]*+"
    rf"|\b(?P<bound>{_NAME})[ \t]*+(?:=>|<-|:[ \t]*+[A-Z])",
)
_SQL = re.compile(
    rf"(?:^|;)[ \t]*+set[ \t]++(?:hivevar:|hiveconf:)?(?P<names>{_NAME})[ \t]*+=[^;\n]*+",
    re.IGNORECASE | re.MULTILINE,
)
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "#": _PYTHON,
    "//": _SCALA,
    "--": _SQL,
}
_PYTHON_TEXTS = re.compile(
    r"(?P<comment>\#[^\n]*+)|(?P<before>\b[A-Za-z]{1,2})?"
    r"(?P<text>\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)|'''(?:\\.|[^\\])*?(?:'''|\Z)"
    r"|\"(?:\\.|[^\"\\\n])*+(?:\"|$|\Z)|'(?:\\.|[^'\\\n])*+(?:'|$|\Z))",
    re.DOTALL | re.MULTILINE,
)
_SCALA_TEXTS = re.compile(
    r"(?P<comment>//[^\n]*+|/\*.*?(?:\*/|\Z))|(?P<before>\b[A-Za-z_]\w*+)?"
    r"(?P<text>\"\"\".*?(?:\"\"\"|\Z)|\"(?:\\.|[^\"\\\n])*+(?:\"|$|\Z))",
    re.DOTALL | re.MULTILINE,
)
SHELLS = frozenset({"sh", "shell"})
"""Run types whose code a shell reads."""


class OwnNames:
    """What a script sets itself.

    Args:
        code: the script.
        run_type: its language, in small letters.
        marker: how a comment begins in it.
    """

    def __init__(self, code: str, run_type: str, marker: str) -> None:
        self._code = code
        self._shell = run_type in SHELLS
        self._marker = marker
        self._set: dict[str, tuple[int, int]] = {}
        """Each name that is set, and where its first assignment begins and ends."""
        for name, begin, end in self._assignments():
            self._set.setdefault(name, (begin, end))
        self._spans = list(self._interpolated()) if self._set or not self._shell else []
        self._begins = [begin for begin, _ in self._spans]
        self._line, self._mark = 0, -1

    def has(self, name: str, place: int) -> bool:
        """Whether ``${name}`` at a place is the language's own."""
        before = self._code[max(0, place - 64) : place]
        if self._shell and (len(before) - len(before.rstrip("\\"))) % 2:
            return True
        if (self._shell or self._interpolates(place)) and before.endswith("$"):
            return True
        if name not in self._set:
            return False
        begin, end = self._set[name]
        if self._marker == "--":
            return place >= end
        if self._shell:
            return place >= end or self._interpolates(place)
        # A name may be set from the variable of the same name: in the line that does it first.
        return self._interpolates(place) and not begin <= place < end

    def forgives(self, place: int) -> bool:
        """Whether a reference that cannot be computed is left alone: in comments, in own strings.

        Places are asked for in order.
        """
        begin = self._code.rfind("\n", self._line, place) + 1
        if begin:
            self._mark = -1
        else:
            begin = self._line
        if self._marker and self._mark < 0:
            self._mark = self._code.find(self._marker, begin, place)
        self._line = place
        return self._mark >= 0 or (not self._shell and self._interpolates(place))

    def _assignments(self) -> Iterator[tuple[str, int, int]]:
        if not self._shell:
            pattern = _PATTERNS.get(self._marker)
            for found in pattern.finditer(self._code) if pattern else ():
                for names in filter(None, found.groupdict().values()):
                    for name in re.findall(_NAME, names):
                        yield name, *found.span()
            return
        for found in _SHELL.finditer(_without_documents(self._code)):
            # Before a command they are for that command alone.
            if found["words"] and (found["declares"] or found["ends"] is not None):
                begin = found.start("words")
                for word in _ASSIGNED.finditer(found["words"]):
                    yield word[1], found.start(), begin + word.end()
            for kind in ("loop", "read", "option", "printed", "let", "counted", "default"):
                for name in re.findall(_NAME, found[kind] or ""):
                    yield name, *found.span()

    def _interpolated(self) -> Iterator[tuple[int, int]]:
        """Where the language looks for names: strings of some kind; of a shell its functions.

        A function may run after what follows it.
        """
        if self._shell:
            place = 0
            while found := _FUNCTION.search(self._code, place):
                end = _FUNCTION_END.search(self._code, found.end())
                place = end.end() if end else len(self._code)
                yield found.end(), place
            return
        pattern = {"#": _PYTHON_TEXTS, "//": _SCALA_TEXTS}.get(self._marker)
        for found in pattern.finditer(self._code) if pattern else ():
            before = found["before"] or ""
            if found["text"] and (before if self._marker == "//" else set("ftFT") & set(before)):
                yield found.span("text")

    def _interpolates(self, place: int) -> bool:
        at = bisect_right(self._begins, place) - 1
        return at >= 0 and place < self._spans[at][1]


def _without_documents(code: str) -> str:
    """The script with blanks in place of its here-documents, which set nothing."""
    if "<<" not in code:
        return code
    lines, closing = [], ""
    for line in code.split("\n"):
        if closing:
            closing = "" if line.strip() == closing else closing
            lines.append(" " * len(line))
            continue
        found = _HERE.search(line)
        closing = found[2] if found else ""
        lines.append(line)
    return "\n".join(lines)
