"""Runnable experiments, one module each: a frozen Config, its presets, and run(config) -> Report."""
