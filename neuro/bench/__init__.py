"""Benchmarks that a user can run: this engine beside other simulators, on the same networks and the same machine."""
