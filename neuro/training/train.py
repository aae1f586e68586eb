"""Training of a module on drawn batches: Adam with a cosine of rates, judged on validation data, with checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuro.errors import ParameterError, StateError, TrainingError
from neuro.files.reading import read_npz
from neuro.files.writing import atomic
from neuro.training.batch import Batch
from neuro.training.constraints import Constraint, Rewiring, state_of
from neuro.training.library import import_torch

__all__ = ["Settings", "Trained", "accuracy_of", "train"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a module is trained."""

    steps: int
    """Batches."""
    rate: float = 1e-2
    """Learning rate of Adam. It rises over the first 20 batches, then falls along a cosine."""
    last: float = 0.02
    """What is left of the learning rate at the end."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    rate_cost: float = 0.0
    """Weight of the penalty sum_j max(0, f_j - target)^2 on the rate f_j of neuron j in a batch, spikes a step."""
    target: float = 0.05
    """Rate up to which a neuron may fire freely, spikes a step."""
    fade: float = 0.0
    """In this last share of the training the layers' `voltage_cost` falls along a cosine, to zero at the end."""
    every: int = 0
    """Batches between two validations, and two checkpoints; 0: none before the end."""
    seed: int = 0
    """Root of the noise of weights."""


@dataclass(kw_only=True)
class Trained:
    """How a training went."""

    losses: list[float] = field(default_factory=list)
    """Cross entropy of each batch."""
    validation: list[tuple[int, float]] = field(default_factory=list)
    """Batches seen, and accuracy on validation data."""


def train(
    module: Any,
    batches: Callable[[int], Batch],
    settings: Settings,
    *,
    validate: Callable[[Any], float] | None = None,
    constraints: Sequence[Constraint] = (),
    checkpoint: str | Path | None = None,
    progress: Callable[[float, float, str], None] | None = None,
) -> Trained:
    """Train a module in place; at the end it has the weights that were best on validation data.

    Parameters
    ----------
    module
        A module that makes an `Output` of inputs.
    batches
        Batch k, a function of k alone.
    settings
        Rates, penalties and lengths.
    validate
        Accuracy of the module on data that it is not trained on; without it the last weights stay.
    constraints
        What weights of layers keep to: `Dale`, `Rewiring`. They begin with it at once.
    checkpoint
        A file for all that the rest of the training depends on. If it is there, training goes on from it: the bits are
        those of a training that was not interrupted.
    progress
        Told of batches done, batches in all, and what is being done.

    Raises
    ------
    ParameterError
        If a number of steps is not above zero, `fade` is no share, or a constraint does not fit the layer.
    TrainingError
        If the loss is not a finite number.
    StateError
        If the checkpoint is damaged, or of another training.
    MissingPackage
        If torch is not installed.

    >>> from neuro.training import train
    >>> train.Settings(steps=100).rate
    0.01
    """
    torch = import_torch()
    if settings.steps < 1 or settings.every < 0:
        raise ParameterError("must be above zero", where="Settings.steps", value=settings.steps)
    if not 0.0 <= settings.fade <= 1.0:
        raise ParameterError("must be a share, from 0 to 1", where="Settings.fade", value=settings.fade)
    parameters = [(name, each) for name, each in module.named_parameters() if each.requires_grad]
    optimizer = torch.optim.Adam([each for _, each in parameters], lr=settings.rate)
    # Rewiring begins with the signs that Dale's law has given.
    bound = [(each, layer) for each in sorted(constraints, key=lambda c: isinstance(c, Rewiring))
             for layer in module.modules() if hasattr(layer, "source_sign")]  # fmt: skip
    for constraint, layer in bound:
        constraint.start(layer, settings.seed)
    held = parameters + state_of(module)
    done, best = Trained(), _copy(held)
    if checkpoint is not None and Path(checkpoint).exists():
        best = _load(checkpoint, settings, parameters, held, optimizer, done)
    for k in range(len(done.losses), settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * _share(k, settings)
        module.train()
        _set_draw(module, (settings.seed, k))
        batch = batches(k)
        with _faded(module, _penalty(k, settings)):
            loss = _loss(module, batch, settings, done)
            optimizer.zero_grad()
            loss.backward()
        torch.nn.utils.clip_grad_norm_([each for _, each in parameters], settings.clip)
        optimizer.step()
        for constraint, layer in bound:
            constraint.after(layer, optimizer, (settings.seed, k))
        if k + 1 == settings.steps or (settings.every and (k + 1) % settings.every == 0):
            best = _judge(module, held, validate, best, done)
            if checkpoint is not None:
                _save(checkpoint, settings, parameters, held, optimizer, done, best)
        if progress is not None:
            progress(k + 1, settings.steps, "training")
    with torch.no_grad():
        for name, each in held:
            each.copy_(torch.from_numpy(best[name]))
    return done


def accuracy_of(module: Any, batches: list[Batch]) -> float:
    """Share of right answers of a module among all that are asked for, without noise."""
    torch, right, asked = import_torch(), 0, 0
    module.eval()
    kind = next(module.parameters()).dtype
    with torch.no_grad():
        for batch in batches:
            scores = module(torch.from_numpy(batch.inputs).to(kind)).scores.numpy()
            wanted = batch.labels >= 0
            right += int(np.sum((scores.argmax(2) == batch.labels)[wanted]))
            asked += int(wanted.sum())
    return right / asked


def _loss(module: Any, batch: Batch, settings: Settings, done: Trained) -> Any:
    torch = import_torch()
    kind = next(module.parameters()).dtype
    output = module(torch.from_numpy(batch.inputs).to(kind))
    scores, labels = output.scores.flatten(0, 1), torch.from_numpy(batch.labels).flatten()
    loss = torch.nn.functional.cross_entropy(scores, labels, ignore_index=-1)
    done.losses.append(float(loss.detach()))
    if not math.isfinite(done.losses[-1]):
        raise TrainingError(
            "the loss must be a finite number", where=f"batch {len(done.losses) - 1}", value=loss.item()
        )
    if settings.rate_cost and output.spikes is not None:
        excess = (output.spikes.mean((0, 1)) - settings.target).clamp(min=0.0)
        loss = loss + settings.rate_cost * (excess**2).sum()
    return loss


def _share(k: int, settings: Settings) -> float:
    """The part of the learning rate that batch k is learned with."""
    falling = 0.5 * (1.0 + math.cos(math.pi * k / settings.steps))
    return min(1.0, (k + 1) / 20) * (settings.last + (1.0 - settings.last) * falling)


def _penalty(k: int, settings: Settings) -> float:
    """The part of the penalty on potentials that batch k is learned with."""
    left = (settings.steps - k) / (settings.fade * settings.steps) if settings.fade else 1.0
    return 0.5 * (1.0 - math.cos(math.pi * min(1.0, left)))


@contextmanager
def _faded(module: Any, part: float) -> Iterator[None]:
    """Weigh the penalty on potentials of all layers by a factor, for the length of a `with` block."""
    layers = [(each, each.surrogate) for each in module.modules() if hasattr(each, "surrogate")] if part < 1.0 else []
    for layer, surrogate in layers:
        layer.surrogate = surrogate._replace(voltage_cost=part * surrogate.voltage_cost)
    try:
        yield
    finally:
        for layer, surrogate in layers:
            layer.surrogate = surrogate


def _set_draw(module: Any, draw: tuple[int, int]) -> None:
    for each in module.modules():
        if hasattr(each, "draw"):
            each.draw = draw


def _judge(module: Any, parameters: Any, validate: Any, best: dict[str, Any], done: Trained) -> dict[str, Any]:
    """Note the accuracy on validation data; the weights that are to be kept."""
    if validate is None:
        return _copy(parameters)
    before = max((accuracy for _, accuracy in done.validation), default=-1.0)
    done.validation.append((len(done.losses), float(validate(module))))
    return _copy(parameters) if done.validation[-1][1] >= before else best


def _copy(parameters: Any) -> dict[str, Any]:
    return {name: each.detach().numpy().copy() for name, each in parameters}


def _save(
    path: str | Path, settings: Settings, parameters: Any, held: Any, optimizer: Any, done: Trained, best: Any
) -> None:
    arrays: dict[str, Any] = {"settings": np.array(repr(settings)), "losses": np.array(done.losses)}
    arrays["validation"] = np.array(done.validation, np.float64).reshape(-1, 2)
    for name, each in parameters:
        state = optimizer.state[each]
        arrays[f"mean/{name}"], arrays[f"square/{name}"] = state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()
    for name, each in held:
        arrays[f"now/{name}"], arrays[f"best/{name}"] = each.detach().numpy(), best[name]
    with atomic(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def _load(
    path: str | Path, settings: Settings, parameters: Any, held: Any, optimizer: Any, done: Trained
) -> dict[str, Any]:
    torch = import_torch()
    arrays = read_npz(path, StateError, "a checkpoint of a training")
    if str(arrays.get("settings")) != repr(settings):
        remedy = "Use the settings that it was made with, or another file"
        raise StateError("the checkpoint is of another training", where=str(path), remedy=remedy)
    try:
        done.losses[:] = arrays["losses"].tolist()
        done.validation[:] = [(int(k), float(accuracy)) for k, accuracy in arrays["validation"].tolist()]
        with torch.no_grad():
            for name, each in held:
                each.copy_(torch.from_numpy(arrays[f"now/{name}"]))
            for name, each in parameters:
                optimizer.state[each] = {
                    "step": torch.tensor(float(len(done.losses))),
                    "exp_avg": torch.from_numpy(arrays[f"mean/{name}"].copy()),
                    "exp_avg_sq": torch.from_numpy(arrays[f"square/{name}"].copy()),
                }
        return {name: arrays[f"best/{name}"].copy() for name, _ in held}
    except (KeyError, ValueError, TypeError, RuntimeError) as problem:
        raise StateError("the checkpoint lacks a part", where=str(path), value=str(problem)) from None
