"""The mapper: networks onto the cores of a chip. Open `place.py` first, then `pipeline.py`."""
