"""What a run cost on a chip: joules and seconds from counts, after the run.

Open `account.py` first: it calls the others in order. `counts.py` says what is counted.
"""
