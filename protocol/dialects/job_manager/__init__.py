"""The job manager dialect: a job is a shell command, with files, named by a UUID."""

from protocol.dialects.job_manager.dialect import JobManagerDialect

__all__ = ["JobManagerDialect"]
