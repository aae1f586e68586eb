"""Chips and placements on them: descriptions, without any figure that has no source."""
