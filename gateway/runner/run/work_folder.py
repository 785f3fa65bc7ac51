"""The directory that a run works in: a fresh one with its input files, or a folder of its owner.

A folder of the owner's is made if it is not there and left as it was otherwise, so that what a run
writes into it is found among the owner's files afterwards. Blocks on the disk.
"""

from __future__ import annotations

from pathlib import Path

from engines.trees import remove_tree
from gateway.runner.run.inputs import place
from gateway.stores.objects import Objects
from gateway.stores.spec import TaskSpec
from gateway.stores.user_files import UserFiles
from protocol.files import file_path

__all__ = ["WorkFolders"]

_WORK = "work"


class WorkFolders:
    """Makes the directories.

    Args:
        objects: where input files are.
        files: the folders of users.
    """

    def __init__(self, objects: Objects, files: UserFiles) -> None:
        self._objects = objects
        self._files = files

    def make(self, directory: Path, spec: TaskSpec) -> tuple[Path, dict[str, str]]:
        """The directory for a task, and the variables that list its input files.

        Raises:
            GatewayError: an input does not exist, or the folder cannot be one.
            OSError: the disk is full.
        """
        if spec.home:
            work = self._files.place(file_path(spec.owner, spec.home))
        else:
            work = directory / _WORK
            remove_tree(str(work))  # of an attempt that ended before the start
            work.mkdir()
        return work, place(self._objects, spec.owner, spec.inputs, work)
