"""Many runs of a task, over a grid of settings and seeds, shared by any number of processes and machines.

Open `run.py` first; `plan.py` says which points there are, `claims.py` who computes which.
"""
