"""The clocked engine, which advances in steps of dt; `run.py` comes first."""
