"""Arrivals that come one by one, each with a time and a target of its own. Open `lists.py` first."""
