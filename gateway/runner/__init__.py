"""The runner: the one process of a node that schedules, starts, mirrors, ends and recovers runs."""
