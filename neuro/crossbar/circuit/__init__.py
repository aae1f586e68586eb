"""The electric circuit of an array with its wires: currents, powers and SPICE decks. Open `circuit.py` first."""
