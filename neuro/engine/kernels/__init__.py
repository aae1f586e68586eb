"""The compiled loops of the exact engine; `windows.py` has the outermost one and `arrays.py` the arrays."""
