"""The compiled loops of exact gradients. Open `sweep.py` first, then `replay.py`; `arrays.py` has what they work on."""
