"""Simulates networks. Open `run.py` first, which has `run`.

`lower/` compiles a network to flat arrays. `kernels/` has the inner loops of the exact engine, which `drive/` calls
chunk by chunk. `plasticity/` lets synapses learn. `storage/` keeps recordings and states. `clocked/` is the other
engine.
"""
