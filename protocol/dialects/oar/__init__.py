"""The OAR REST API: jobs on a pool of resources, with formats by suffix."""

from protocol.dialects.oar.dialect import OarDialect

__all__ = ["OarDialect"]
