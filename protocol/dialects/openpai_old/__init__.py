"""The dialect of OpenPAI before its versioned routes: ``/api/auth`` and ``/api/job``."""

from protocol.dialects.openpai_old.dialect import OldOpenPaiDialect

__all__ = ["OldOpenPaiDialect"]
