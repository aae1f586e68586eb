"""Exact gradients through every spike, and training by them. Open `gradient.py` first, which has `gradient`.

`lowering.py` and `wiring.py` make flat arrays of a program, `batch.py` of recordings and losses. `kernels/` lays out
what happens to each neuron, replays its states, and goes back. `timed_layers.py` has layers that `fit` trains.
"""
