"""Where a job works (contract, section 7.1)."""

from __future__ import annotations

import pytest

from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.job_place import (
    JobPlace,
    checked_directory,
    job_place,
    launching_directory,
    output_place,
)


@pytest.mark.parametrize(
    ("asked", "place", "directory"),
    [
        ("", JobPlace("", "/"), "/home/ann"),
        ("~", JobPlace("", "/"), "/home/ann"),
        ("~/", JobPlace("", "/"), "/home/ann"),
        ("~ann/a", JobPlace("a", "/a"), "/home/ann/a"),
        ("a/b/", JobPlace("a/b", "/a/b"), "/home/ann/a/b"),
        ("~/a", JobPlace("a", "/a"), "/home/ann/a"),
        ("/home/ann", JobPlace("", "/"), "/home/ann"),
        ("/home/ann/a", JobPlace("a", "/a"), "/home/ann/a"),
        ("/home/anna", JobPlace("/home/anna", "/", "/home/anna"), "/home/anna"),
        ("/tmp", JobPlace("/tmp", "/", "/tmp"), "/tmp"),  # noqa: S108 - a directory
    ],
)
def test_where_a_job_works(asked: str, place: JobPlace, directory: str) -> None:
    """In the home and below it, by all its names, and in any other directory by its own."""
    assert job_place(checked_directory(asked), "ann") == place
    assert launching_directory(place.directory, "ann") == directory


@pytest.mark.parametrize("asked", ["../x", "a/../../x", "~bo", "~bo/x", "a\0b", "a\nb", "a" * 2000])
def test_where_none_works(asked: str) -> None:
    """Not above the home, not in another's, and not where there can be nothing."""
    with pytest.raises(OarError) as error:
        job_place(checked_directory(asked), "ann")
    assert error.value.status == 400


@pytest.mark.parametrize(
    ("directory", "file", "place"),
    [
        ("", "OAR.%jobid%.stdout", "OAR.${number}.stdout"),
        ("a/b", "out", "a/b/out"),
        ("a/b", "~/out", "out"),
        ("a", "/tmp/out", ""),  # noqa: S108 - a directory
        ("/tmp", "out", ""),  # noqa: S108 - a directory
    ],
)
def test_where_output_is_written(directory: str, file: str, place: str) -> None:
    """Below the home, in the directory of the job; nowhere else."""
    assert output_place(directory, file) == place
