"""Cuts into two sides, again and again: `bisect` first; `two_sides` grows and improves one cut."""
