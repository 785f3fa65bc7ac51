"""The native shim: its parts and the whole of it, beside the Python ones."""
