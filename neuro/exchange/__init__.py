"""Networks of other tools, read from their files without these tools; `nir.py` reads NIR."""
