"""The admission rules of a gateway that has no others yet, with the ids of a new OAR.

OAR contract, section 11, *Defaults to ship*. What the gateway holds by itself is a text that says
so: nobody who looks for a rule by its number finds another one.
"""

from __future__ import annotations

from protocol.rules import Rule

__all__ = ["DEFAULT_RULES"]

_TEXTS: tuple[tuple[str, bool], ...] = (
    ("""if: queue IS NULL\nthen: [{set: {queue: default}}]\n""", True),
    (
        """if: user IN ('root', 'oar')
then: [{deny: root and oar users are not allowed to submit jobs.}]
""",
        True,
    ),
    ("""then: [{require: drain = 'NO' OR drain IS NULL}]\n""", True),
    (
        """if: queue = 'admin' AND NOT groups HAS 'admin'
then: [{deny: 'Only members of the group admin can submit jobs in the admin queue'}]
""",
        True,
    ),
    (
        """if: >-
  level IN ('type', 'state', 'next_state', 'finaud_decision', 'next_finaud_decision', 'state_num',
  'suspended_jobs', 'scheduler_priority', 'cpuset', 'besteffort', 'deploy', 'expiry_date',
  'desktop_computing', 'last_job_date', 'available_upto', 'last_available_upto')
then: [{deny: a system property is not allowed as a resource}]
""",
        True,
    ),
    (
        """if: type HAS 'besteffort' OR queue = 'besteffort'
then:
  - say: Automatically redirect in the besteffort queue
  - set: {queue: besteffort}
  - add_type: besteffort
  - require: besteffort = 'YES' OR besteffort IS NULL
""",
        True,
    ),
    (
        """if: type HAS 'besteffort' AND reservation = 'YES'
then: [{deny: 'Error: a job cannot both be of type besteffort and be a reservation.'}]
""",
        True,
    ),
    ("# Held by the gateway itself: an inner job needs a container that lives.\n", False),
    (
        """if: type LIKE 'deploy%' AND level IN ('core', 'cpu', 'resource_id')
then: [{deny: 'Error: a deploy job takes whole nodes.'}]
""",
        True,
    ),
    ("""if: type LIKE 'deploy%'\nthen: [{require: deploy = 'YES'}]\n""", True),
    ("""then: [{require: desktop_computing = 'NO' OR desktop_computing IS NULL}]\n""", True),
    (
        """if: reservation = 'YES' AND waiting_jobs >= 200
then: [{deny: 'Error: you have too many waiting jobs for a reservation.'}]
""",
        True,
    ),
    (
        """# An example: at night everybody may have long jobs.
if: hour BETWEEN 8 AND 19 AND NOT groups HAS 'admin'
then: [{max: {walltime: '12:00:00', clip: true}}]
""",
        False,
    ),
    (
        """if: job_type = 'INTERACTIVE'\nthen: [{max: {walltime: '12:00:00', clip: true}}]\n""",
        True,
    ),
    (
        """if: walltime IS NULL
then: [{set: {walltime: '2:00:00'}}, {say: Set default walltime to 7200.}]
""",
        True,
    ),
    (
        """then:
  - allow_types: [besteffort, idempotent, deploy, 'deploy=standby', cosystem, 'cosystem=standby',
      noop, 'noop=standby', container, 'container=%', 'inner=%', timesharing, 'timesharing=%',
      'placeholder=%', 'allowed=%', 'token:%=%', 'postpone=%', 'deadline=%', 'expire=%',
      'state=permissive']
""",
        True,
    ),
    (
        """then:
  - say: Modify resource description with type constraints
  - require: type = 'default' OR type IS NULL
""",
        True,
    ),
)

DEFAULT_RULES = tuple(
    Rule(number, text, number, enabled) for number, (text, enabled) in enumerate(_TEXTS, 1)
)
"""In the order of their ids, which are their priorities."""
