"""Sockets in: one HTTP handler, one websocket loop, and what stands between them and dispatch."""
