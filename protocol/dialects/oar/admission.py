"""Admission rules over a job: what they are told of it, and the job as they leave it.

OAR document, *Admission rules*. Rules are applied once, to the whole of an array, before anything
is submitted; what this API checks of a submission by itself is checked before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

from protocol.dialects.oar.faults import bad_query
from protocol.dialects.oar.resource_request import Asked, duration_text, filter_of
from protocol.dialects.oar.submission import Job
from protocol.expressions import Expr
from protocol.resources import LEAF_ID, NODE, Shape
from protocol.rules import Admitted, Draft

__all__ = ["admitted_job", "draft_of"]

_PREFIX = "[ADMISSION RULE] "
_DEFAULT = "default"
_NAMES: Mapping[str, str] = {NODE: "network_address", LEAF_ID: "resource_id"}
_UNFIT = frozenset("'\"`$\\/")
_WALLTIME = ",walltime="


def draft_of(job: Job) -> Draft:
    """What rules are told of a job. A queue or project that nobody named is none."""
    shapes = [one.shape for one in job.alternatives]
    levels = (name for shape in shapes for pick in shape.groups for name, _ in pick.levels)
    return Draft(
        queue="" if job.queue == _DEFAULT and not job.asked.get("queue") else job.queue,
        project="" if job.project == _DEFAULT and not job.asked.get("project") else job.project,
        name=job.name,
        types=job.types,
        walltimes=tuple(int(one.shape.seconds) if one.timed else 0 for one in job.alternatives),
        resources=max(map(_least, shapes)),
        array_size=len(job.parameters),
        reservation=bool(job.start),
        levels=tuple(dict.fromkeys(_NAMES.get(name, name) for name in levels)),
    )


def admitted_job(job: Job, admitted: Admitted) -> Job:
    """The job as the rules leave it.

    Raises:
        OarError: 400 if what a rule requires or sets cannot be.
    """
    draft = admitted.draft
    if _UNFIT & set(draft.name):
        raise bad_query("an admission rule gives the job a name that no file can have")
    said = tuple(f"{_PREFIX}{text}" for text in admitted.messages)
    return replace(
        job,
        queue=draft.queue or _DEFAULT,
        project=draft.project or _DEFAULT,
        name=draft.name,
        types=draft.types,
        alternatives=tuple(map(_timed, job.alternatives, draft.walltimes)),
        condition=reduce(
            Expr.both, (filter_of(one.text) for one in admitted.requires), job.condition
        ),
        parameters=job.parameters[: draft.array_size],
        says=said + tuple(text for text in job.says if not text.startswith(_PREFIX)),
    )


def _least(shape: Shape) -> int:
    """How many leaves a shape asks for at least; words such as ALL count as one."""
    total = 0
    for pick in shape.groups:
        leaves = 1
        for _, count in pick.levels:
            leaves *= max(count, 1)
        total += leaves
    return total


def _timed(one: Asked, seconds: int) -> Asked:
    """An alternative with the walltime that it was given."""
    if not seconds or seconds == int(one.shape.seconds):
        return one
    levels = one.text.rpartition(_WALLTIME)[0]
    text = f'{levels}{_WALLTIME}{duration_text(seconds)}" '
    return replace(one, shape=replace(one.shape, seconds=float(seconds)), timed=True, text=text)
