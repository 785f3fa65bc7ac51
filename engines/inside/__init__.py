"""What tasks may import: the folder is on the path of every Python that a task starts."""
