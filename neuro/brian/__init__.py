"""Networks of Brian2, both ways: open `reader.py` for what comes in, `writer.py` for what goes out.

`simulate.py` runs a network in Brian2.
"""
