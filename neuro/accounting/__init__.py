"""Energy and duration of a run on a chip, from counts of its events after the run.

Open `account.py` first: it calls the others in order. `counts.py` has the counts.
"""
