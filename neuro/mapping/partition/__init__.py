"""The partition: which neurons share a core. Open `choose.py` first: it picks the method."""
