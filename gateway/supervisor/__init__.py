"""The parent of a gateway's processes: starts them, replaces what dies, ends them in order."""
