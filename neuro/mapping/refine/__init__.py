"""The refinement: moves of single neurons between cores on the mesh. Open `refine.py` first."""
