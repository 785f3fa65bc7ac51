"""Notes on tasks: what a package brings that adds a noun, verbs, a store and a dialect."""
