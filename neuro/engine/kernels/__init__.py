"""The compiled loops of the exact engine. Open `windows.py` first, the outermost loop; `arrays.py` has the arrays."""
