"""The shim and its zygote in C: the same promises as the Python ones, for less of everything."""
