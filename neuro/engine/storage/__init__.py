"""Recordings and states in memory and in files; `recordings.py` comes first."""
