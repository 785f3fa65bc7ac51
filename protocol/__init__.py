"""The language: nouns, verbs and accents of the gateway, without any I/O."""
