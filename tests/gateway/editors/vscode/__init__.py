"""The extension for VS Code: its modules in Node.js, and the whole of it in a real editor."""
