"""Descriptions of networks: populations, neuron models, synapses; open `graph.py` first."""
