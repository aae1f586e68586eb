"""Commands of `neuro` that have a module of their own. Open `sweep.py` first; `../cli.py` has the others."""
