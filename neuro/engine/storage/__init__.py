"""Keeps recordings and states, in memory and in HDF5 files. Open `recordings.py` first."""
