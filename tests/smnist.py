"""The sequential MNIST network of the task `loihi-smnist`, under the names that tests use."""

from neuro.tasks._smnist import AHP, LIF, PIXELS, STEPS, THRESHOLDS, chip_run, encode, listed, load, network

__all__ = ["AHP", "LIF", "PIXELS", "STEPS", "THRESHOLDS", "chip_run", "encode", "listed", "load", "network"]
