"""The shell code that runs a job, and what of it its owner wrote.

The first line tells the job about itself and goes to its directory; what the owner wrote begins on
the second. It is never changed: OAR runs a command by the job's shell at the time of its start.
"""

from __future__ import annotations

import shlex

__all__ = ["SCRIPT", "code_of_command", "code_of_script", "command_of"]

SCRIPT = "OAR.script"
"""What the file of a script is called."""
_MARK = 'export OAR_JOB_ID="$NARTHEX_TASK_NUMBER"'
_SELF = (
    f'{_MARK} OAR_JOBID="$NARTHEX_TASK_NUMBER"'
    ' OAR_ARRAY_ID="${OAR_ARRAY_ID:-$NARTHEX_TASK_NUMBER}"'
    ' OAR_ARRAYID="${OAR_ARRAY_ID:-$NARTHEX_TASK_NUMBER}"'
    ' OAR_NODEFILE="$NARTHEX_NODE_FILE" OAR_NODE_FILE="$NARTHEX_NODE_FILE"'
    ' OAR_FILE_NODES="$NARTHEX_NODE_FILE" OAR_RESOURCE_FILE="$NARTHEX_NODE_FILE"'
    ' OAR_RESOURCE_PROPERTIES_FILE="${NARTHEX_RESULTS%/*}/OAR.properties"'
    ' OAR_STDOUT="${OAR_STDOUT//%jobid%/$NARTHEX_TASK_NUMBER}"'
    ' OAR_STDERR="${OAR_STDERR//%jobid%/$NARTHEX_TASK_NUMBER}"; '
    # OAR's name for the node; a name is at the beginning of a line or behind a comma.
    'OAR_LEAVES=$(<"$NARTHEX_LEAF_FILE"); OAR_LEAVES="${OAR_LEAVES/#node = /network_address = }";'
    ' OAR_LEAVES="${OAR_LEAVES//, node = /, network_address = }";'
    r""" echo "${OAR_LEAVES//$'\n'node = /$'\n'network_address = }" >"""
    ' "$OAR_RESOURCE_PROPERTIES_FILE"; unset OAR_LEAVES; '
)
_PLACE = 'export OAR_WORKDIR="$PWD" OAR_WORKING_DIRECTORY="$PWD" OAR_O_WORKDIR="$PWD"'


def code_of_command(command: str, directory: str = "") -> str:
    """The code of a job that runs a command line, in a directory of the machine if one is said."""
    return f"{_SELF}{_going(directory)}{_PLACE}\n{command}"


def code_of_script(script: str, arguments: str = "", directory: str = "") -> str:
    """The code of a job that runs the text of a script from a file of its own, beside its run."""
    mark = "OAR_END"
    while mark in script:
        mark += "_"
    file = f'"$OAR_SCRIPT_FILE" {arguments}'.rstrip()
    return (
        f'{_SELF}OAR_SCRIPT_FILE="${{NARTHEX_RESULTS%/*}}/{SCRIPT}";'
        f" cat > \"$OAR_SCRIPT_FILE\" <<'{mark}'\n"
        f"{script}\n{mark}\n"
        f'chmod 700 "$OAR_SCRIPT_FILE"; {_going(directory)}{_PLACE}; exec {file}'
    )


def command_of(code: str) -> str:
    """What the owner wrote, of code that was made here; empty for any other."""
    first, _, rest = code.partition("\n")
    if not first.startswith(_MARK):
        return ""
    found = first.rpartition("<<'")
    if "OAR_SCRIPT_FILE" not in first or not found[1]:
        return rest
    return rest.partition(f"\n{found[2].removesuffix(chr(39))}\n")[0]


def _going(directory: str) -> str:
    if not directory:
        return ""
    return f"cd -- {shlex.quote(directory)} || exit 1; "
