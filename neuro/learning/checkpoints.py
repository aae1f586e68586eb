"""Checkpoints of `fit`: all that the rest of a training depends on, in one file that appears whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuro.errors import StateError
from neuro.files.reading import read_npz, whole_numbers
from neuro.files.writing import atomic
from neuro.learning.examples import Examples
from neuro.learning.fitted import Fitted
from neuro.learning.holders import Holder, finite_of, weight_arrays, weights_from
from neuro.learning.layers import LayerWeights
from neuro.validation import Floats, Ints

__all__ = ["fingerprint", "load_checkpoint", "save_checkpoint"]

Moving = tuple[list[Floats], Ints]
"""Velocities of the matrices and the biases, and for how many updates each output has been silent, to be changed."""
CURVES = "training", "validation", "spikes", "revived"
"""What a `Fitted` has of each epoch."""


def fingerprint(settings: Sequence[object], *examples: Examples | None) -> str:
    """A digest of what a training is given."""
    digest = hashlib.sha256(repr(list(settings)).encode())
    for part in examples:
        if part is not None:
            digest.update(np.ascontiguousarray(part.inputs).tobytes() + part.labels.tobytes())
            digest.update(b"" if part.targets is None else np.ascontiguousarray(part.targets).tobytes())
    return digest.hexdigest()


def save_checkpoint(
    path: str | Path, settings: str, holder: Holder, moving: Moving, fitted: Fitted, best: LayerWeights | None
) -> None:
    """Write a checkpoint."""
    velocity, silent = moving
    arrays: dict[str, Any] = {"silent": silent, **{f"velocity{k}": each for k, each in enumerate(velocity)}}
    arrays |= holder.state() | ({} if best is None else weight_arrays("best", best))
    arrays |= {key: np.array(getattr(fitted, key), np.float64) for key in CURVES}
    arrays |= {"settings": np.array(settings), "stopped": np.array(fitted.stopped)}
    with atomic(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def load_checkpoint(
    path: str | Path, settings: str, holder: Holder, moving: Moving, fitted: Fitted
) -> LayerWeights | None:
    """Put a training into the state of a checkpoint; returns its best weights.

    Raises
    ------
    StateError
        If the file is damaged, or of another training.
    """
    arrays = read_npz(path, StateError, "a checkpoint of fit")
    remedy = "Use the settings and examples that it was made with, or another file"
    if str(arrays.get("settings")) != settings:
        raise StateError("the checkpoint is of another training", where=str(path), remedy=remedy)
    velocity, silent = moving
    try:
        holder.restore(arrays)
        silent[...] = whole_numbers(arrays["silent"], f"{path}, silent", StateError)
        for k, each in enumerate(velocity):
            each[...] = finite_of(f"velocity{k}", arrays, each.shape)
        for key in CURVES:
            getattr(fitted, key)[:] = finite_of(key, arrays, (arrays[key].size,)).tolist()
        if arrays["stopped"].shape != () or arrays["stopped"].dtype != bool:
            raise ValueError(f"stopped is {arrays['stopped'].dtype} of shape {arrays['stopped'].shape}")
        fitted.stopped = bool(arrays["stopped"])
        best = weights_from("best", arrays, holder.weights) if "best/matrix0" in arrays else None
    except (KeyError, ValueError, TypeError) as problem:
        raise StateError("the checkpoint lacks a part", where=str(path), value=str(problem)) from None
    fitted.weights = holder.weights
    return best
