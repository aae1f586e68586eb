"""Many short runs of one program, back to back in compiled code. Open `run.py` first."""
