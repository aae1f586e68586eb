"""What a run cost on a chip: joules and seconds from counts, after the run."""
