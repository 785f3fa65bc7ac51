"""The shim: parent, reaper and recorder of one run (standard library only)."""
