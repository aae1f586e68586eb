"""The clocked engine, which advances in steps of dt. Open `run.py` first."""
