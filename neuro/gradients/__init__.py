"""Exact gradients through every spike, and training by them. Open `gradient.py` first, which has `gradient`.

`lowering.py` and `wiring.py` make flat arrays of a program, `batch.py` of recordings and losses. `nodes.py`,
`replay.py` and `sweep.py` are the kernels: what happens to each neuron in order, its states there, and the way back.
"""
