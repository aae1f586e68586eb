"""The HTML report: what runs have left in their folders, on one page that needs no network (open `page.py` first)."""
