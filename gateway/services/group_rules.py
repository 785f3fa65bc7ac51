"""What may be submitted as a group: every bound of it, held before anything is created. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from gateway.services.submission import body_hash
from protocol.commands.groups import SubmitGroup
from protocol.errors import GatewayError, Kind
from protocol.groups import MAX_MEMBERS, MemberKey, Policy, Retry

__all__ = ["check_group", "group_digest"]

_MAX_NAME = 256
_MAX_ROLE = 128
_MAX_TRIES = 1_000
_MAX_PAUSE = 86_400.0


def check_group(command: SubmitGroup) -> None:
    """Refuses a group that cannot be.

    Raises:
        GatewayError: INVALID, with the field.
    """
    if not 1 <= len(command.members) <= MAX_MEMBERS:
        raise GatewayError(Kind.INVALID, f"a group has 1 to {MAX_MEMBERS} members", field="members")
    keys = [member.key for member in command.members]
    if len(set(keys)) != len(keys):
        raise GatewayError(Kind.INVALID, "two members have the same place", field="members")
    for field, text, longest in (
        ("name", command.name, _MAX_NAME),
        ("space", command.space, _MAX_NAME),
        ("request_id", command.request_id, _MAX_NAME),
        *(("role", key.role, _MAX_ROLE) for key in keys),
    ):
        if len(text) > longest or not text.isprintable():
            raise GatewayError(
                Kind.INVALID, f"the {field} is a text of at most {longest} characters", field=field
            )
    if command.life_seconds < 0 or any(key.index < 0 for key in keys):
        raise GatewayError(Kind.INVALID, "a number must not be negative", field="members")
    _check_policy(command.policy, keys)


def _check_policy(policy: Policy, keys: Sequence[MemberKey]) -> None:
    for role, rules in policy.roles.items():
        size = sum(1 for key in keys if key.role == role)
        for least in (rules.min_failed, rules.min_succeeded):
            if least is not None and not 1 <= least <= size:
                raise GatewayError(
                    Kind.INVALID, f"role {role} has {size} members", field=f"roles.{role}"
                )
        _check_retry(rules.retry)
    if policy.min_ended is not None and policy.min_ended < 1:
        raise GatewayError(Kind.INVALID, "a number of members is at least 1", field="min_ended")
    _check_retry(policy.retry)


def _check_retry(retry: Retry) -> None:
    for tries in (retry.failures, retry.troubles):
        if not -1 <= tries <= _MAX_TRIES:
            raise GatewayError(
                Kind.INVALID, f"nothing is tried again more than {_MAX_TRIES} times", field="retry"
            )
    for pause in (retry.pause_seconds, retry.longest_seconds):
        if not 0 <= pause <= _MAX_PAUSE:
            raise GatewayError(Kind.INVALID, "a pause is up to a day", field="retry")


def group_digest(command: SubmitGroup) -> str:
    """What a repetition of a request has in common with it."""
    asked = (
        [(str(member.key), body_hash(member.execute)) for member in command.members],
        command.policy,
        command.name,
        command.space,
        command.life_seconds,
    )
    return hashlib.sha256(msgspec.msgpack.encode(asked, order="deterministic")).hexdigest()
