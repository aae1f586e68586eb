"""An array with its wires as an electric circuit; `circuit.py` comes first."""
