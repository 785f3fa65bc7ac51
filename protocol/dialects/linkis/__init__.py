"""The Linkis dialect: the front/back adaption of the entrance, over HTTP and websocket."""

from protocol.dialects.linkis.dialect import LinkisDialect

__all__ = ["LinkisDialect"]
