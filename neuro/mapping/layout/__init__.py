"""The layout: the place of each part on the mesh. Open `layout.py` first."""
