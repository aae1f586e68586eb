"""Memristor crossbars: weights in devices, their circuits, reads and writes. Open `base.py` and `factory.py` first."""
