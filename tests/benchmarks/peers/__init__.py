"""The least that could do the same: what a figure is held against."""
