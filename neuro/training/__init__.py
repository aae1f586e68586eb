"""Training in time steps by surrogate gradients, with torch (extra `train`): layers, e-prop, and the way to a network.

Open `layer.py` first; `deploy.py` makes a network of a layer and a layer of a network. Nothing here needs torch before
it is used.
"""
