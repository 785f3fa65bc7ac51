"""The options of a submission: long options of OAR's submit command, from a hash or a script.

OAR document, *POST /jobs*: arrays repeat an option, toggles take 1, empty texts are no options.
"""

from __future__ import annotations

import re
import shlex

from protocol.dialects.oar.collection import number_of
from protocol.dialects.oar.faults import bad_query
from protocol.media import JsonObject, JsonValue

__all__ = ["Options"]

MOST = 1000
_ALIASES = {"resources": "resource", "workdir": "directory", "array_param_file": "array-param-file"}
_DROPPED = frozenset({"dumper", "xml", "yaml", "json", "help", "version"})
_CODE = frozenset({"command", "script", "script_path", "param_file", "scanscript", "array"})
_REFUSED = {
    "stagein": "stagein is not supported",
    "stagein-md5sum": "stagein is not supported",
    "connect": "jobs cannot be connected to over this interface",
    "array-param-file": "send the text of the parameters in param_file",
    "notify": "notifications are not configured",
}
_KNOWN = frozenset(
    [
        "resource",
        "command",
        "script",
        "script_path",
        "scanscript",
        "directory",
        "param_file",
        "array",
        "queue",
        "property",
        "reservation",
        "checkpoint",
        "signal",
        "type",
        "name",
        "project",
        "anterior",
        "stdout",
        "stderr",
        "hold",
        "resubmit",
        "interactive",
        "use-job-key",
        "import-job-key-from-file",
        "import-job-key-inline",
        "export-job-key-to-file",
    ]
)
_LISTS = frozenset({"resource", "type", "anterior"})
_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"", "0", "false", "no", "off"})
_LINES = {
    "-l": "resource",
    "-q": "queue",
    "-p": "property",
    "-t": "type",
    "-d": "directory",
    "-n": "name",
    "-a": "anterior",
    "-O": "stdout",
    "-E": "stderr",
    "-k": "use-job-key",
    **{
        f"--{name}": name
        for name in (
            [
                "resource",
                "queue",
                "property",
                "checkpoint",
                "type",
                "directory",
                "name",
                "project",
                "hold",
                "anterior",
                "signal",
                "stdout",
                "stderr",
                "array",
                "notify",
                "array-param-file",
            ]
        )
    },
}
_LINE = re.compile(r"#OAR[ \t]+(.*)")
_TOGGLES = frozenset({"hold", "use-job-key"})


class Options:
    """What a client asks for, by the names of OAR's options.

    Raises:
        OarError: 400 for an option that is none, or is not offered.
    """

    def __init__(self, data: JsonObject) -> None:
        self._values: JsonObject = {}
        for key, value in data.items():
            name = _ALIASES.get(key, key)
            if name in _DROPPED or value in ("", None, []):
                continue
            if name in _REFUSED:
                raise bad_query(_REFUSED[name])
            self._values[name] = value

    def refuse_unknown(self) -> None:
        """Refuses an option that there is not."""
        for name in self._values:
            if name not in _KNOWN:
                raise bad_query(f"Unknown option: {name[:60]}")

    def has(self, name: str) -> bool:
        """Whether an option is given."""
        return name in self._values

    def text(self, name: str) -> str:
        """The value of an option that is given once; empty if it is not."""
        return _scalar(self._values.get(name, ""), name)

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of an option that may be repeated."""
        value = self._values.get(name, [])
        if not isinstance(value, list):
            return (_scalar(value, name),)
        if len(value) > MOST:
            raise bad_query(f"{name} is repeated at most {MOST} times")
        return tuple(_scalar(one, name) for one in value)

    def toggle(self, name: str) -> bool:
        """Whether an option without a value is set."""
        text = self.text(name).lower()
        if text not in _ON | _OFF:
            raise bad_query(f"{name} takes 1 or 0")
        return text in _ON

    def number(self, name: str) -> int:
        """The value of an option that is a whole number from 0 on; 0 if it is not given."""
        return self.number_in(self.text(name) or "0", name)

    @staticmethod
    def number_in(text: str, name: str) -> int:
        """The number that a value is."""
        return number_of(text, name)

    def kept(self) -> JsonObject:
        """All but what is to be run."""
        return {name: value for name, value in self._values.items() if name not in _CODE}

    def scanned(self, script: str) -> Options:
        """These options and those that a script has in its lines; single ones given here win."""
        found: JsonObject = {}
        if not script.startswith("#"):
            return self
        for line in script.splitlines():
            match = _LINE.fullmatch(line.rstrip())
            if match:
                _take(found, match[1])
        joined = dict(self._values)
        for name, value in found.items():
            if name in _LISTS and isinstance(value, list):
                joined[name] = [*self.texts(name), *value]
            else:
                joined.setdefault(name, value)
        return Options(joined)


def _take(found: JsonObject, line: str) -> None:
    """Adds what one line of a script says."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise bad_query(f"unreadable line of options: #OAR {line[:60]}") from error
    at = 0
    while at < len(words):
        option, equals, value = words[at].partition("=")
        name = _LINES.get(option)
        if name is None or (equals and not option.startswith("--")):
            raise bad_query(f"unreadable line of options: #OAR {line[:60]}")
        at += 1
        if name in _TOGGLES:
            value = "1"
        elif not equals:
            if at == len(words):
                raise bad_query(f"unreadable line of options: #OAR {line[:60]}")
            value = words[at]
            at += 1
        held = found.get(name)
        if name in _LISTS:
            found[name] = [*(held if isinstance(held, list) else []), value]
        else:
            found[name] = value


def _scalar(value: JsonValue, name: str) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str | int):
        return str(value)
    raise bad_query(f"the value of {name[:60]} is a text or a number")
