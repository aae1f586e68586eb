"""Networks and spikes of other tools, read from their files and written for them; `nir.py` reads NIR."""
