"""The tables in which services say what they do for which command; dispatch joins them to one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from protocol.accounts import Principal
from protocol.commands import Command
from protocol.tasks import Task

__all__ = ["OnOwn", "OnTasks"]

OnTasks: TypeAlias = Mapping[type[Command[Any]], Callable[[Task, Any], Awaitable[object]]]
"""What is done with a task that its asker may see; the task is found and given."""

OnOwn: TypeAlias = Mapping[type[Command[Any]], Callable[[Principal, Any], Awaitable[object]]]
"""What is done with things of the principal's own."""
