"""The machinery: runs one thing, records what it says and stops it for certain."""
