"""Names as OpenPAI spells them: patterns, and the name of a framework."""

from __future__ import annotations

import re

__all__ = [
    "FRAMEWORK_SEPARATOR",
    "IDENTIFIER",
    "JOB_NAME",
    "LABEL",
    "PROTOCOL_NAME",
    "QUEUE_NAME",
    "USER_NAME",
    "framework_name",
    "split_framework",
]

USER_NAME = re.compile(r"[\w.-]+", re.ASCII)
"""Of users."""
QUEUE_NAME = re.compile(r"[A-Za-z0-9_]+")
"""Of virtual clusters and of groups of users."""
JOB_NAME = re.compile(r"[A-Za-z0-9\-._]+")
"""Of jobs of the first generation."""
LABEL = re.compile(r"[A-Za-z0-9._~]+")
"""Of task roles and ports of the first generation."""
PROTOCOL_NAME = re.compile(r"[a-zA-Z0-9_-]+")
"""Of what a protocol names: the job, prerequisites, deployments."""
IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
"""Of task roles and ports of a protocol."""
FRAMEWORK_SEPARATOR = "~"


def framework_name(owner: str, job: str) -> str:
    """The name under which a job is known to all: ``owner~job``, the bare name of a legacy one."""
    return f"{owner}{FRAMEWORK_SEPARATOR}{job}" if owner else job


def split_framework(name: str) -> tuple[str, str]:
    """Owner and job of a framework's name; the owner of a legacy job is empty."""
    owner, separator, job = name.partition(FRAMEWORK_SEPARATOR)
    return (owner, job) if separator else ("", name)
