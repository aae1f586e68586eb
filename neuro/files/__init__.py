"""Files and output: every file is written by `writing.py` and read through `reading.py`."""
