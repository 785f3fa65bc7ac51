"""The dialect of OpenPAI, both of its generations with versioned routes."""

from protocol.dialects.openpai.dialect import OpenPaiDialect

__all__ = ["OpenPaiDialect"]
