"""The accents: how each job API says the same verbs on the wire."""
