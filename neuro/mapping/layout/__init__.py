"""Where on the mesh each part lies; `layout.py` comes first."""
