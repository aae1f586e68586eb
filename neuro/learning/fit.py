"""`fit`: the loop of training: mini-batches, momentum, validation, early stopping, and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.base import AbstractCrossbar
from neuro.errors import ParameterError, TrainingError
from neuro.files.writing import check_target
from neuro.learning.checkpoints import fingerprint, load_checkpoint, save_checkpoint
from neuro.learning.examples import Examples, OwnScore, score
from neuro.learning.fitted import Fitted
from neuro.learning.holders import Arrays, CrossbarHolder, DigitalHolder, Holder, OwnWeights
from neuro.learning.layer_rules import ComparesPhases, LayerRule, LearnsFromSpikes, OwnSteps, Settled
from neuro.learning.layers import Answer, Layers, LayerWeights, first_weights
from neuro.progress import ProgressOption, reporting
from neuro.randomness import stream
from neuro.system.interrupts import raise_interrupts
from neuro.validation import Floats, choice, finite, indices, instance, number, positive, shown, whole_number

__all__ = ["Schedule", "accuracy", "fit"]

UPDATES = 100
"""Silence, in updates, after which an output counts as dead where each epoch has examples of its own."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast `fit` trains.

    The rate of each layer falls from batch to batch, to `last` times its first value at the end.

    >>> Schedule(epochs=5, rates=(0.2, 0.05)).batch
    20
    """

    epochs: int = 15
    """Passes through the examples."""
    rates: tuple[float, ...] = (0.2, 0.05)
    """First learning rate of each matrix and of the biases after it."""
    last: float = 0.1
    """Learning rate at the end, as a share of the first."""
    fall: Literal["geometric", "linear"] = "geometric"
    """How it falls: by one factor from batch to batch, or by equal steps."""
    batch: int = 20
    """Examples of one update."""
    momentum: float = 0.9
    """Share of the last update that is made again."""
    revival: int = 0
    """Updates without a spike of an output in any phase after which its bias grows, by its learning rate in each, until
    it fires; 0: never. Such an output learns nothing by itself. Writes that miss can bring it there."""
    target: float = 1.0
    """Activity of the output of the right class; that of the others is zero."""
    patience: int | None = None
    """Epochs without a better validation after which training stops, with the best weights; None: all epochs."""
    max_levels: int = 4
    """Levels that one update may move a device of a crossbar."""

    def __post_init__(self) -> None:
        whole_number(self.epochs, "Schedule.epochs")
        whole_number(self.batch, "Schedule.batch", least=1)
        whole_number(self.max_levels, "Schedule.max_levels", least=1)
        whole_number(self.revival, "Schedule.revival")
        if self.patience is not None:
            whole_number(self.patience, "Schedule.patience", least=1)
        rates = finite(self.rates, "Schedule.rates")
        if rates.ndim != 1 or np.any(rates < 0.0):
            raise ParameterError("must be a rate of each matrix", where="Schedule.rates", value=self.rates)
        object.__setattr__(self, "rates", tuple(rates.tolist()))
        for key in ("last", "target"):
            number(getattr(self, key), f"Schedule.{key}", check=positive)
        choice(self.fall, "Schedule.fall", ("geometric", "linear"))
        if not 0.0 <= number(self.momentum, "Schedule.momentum") < 1.0:
            raise ParameterError("must lie in 0..1, without 1", where="Schedule.momentum", value=self.momentum)

    def faded(self, update: int, updates: int) -> float:
        """Learning rate of an update, as a share of the first one's; `updates` is the number of all.

        >>> [round(Schedule(last=0.2, fall="linear").faded(update, 5), 3) for update in range(5)]
        [1.0, 0.8, 0.6, 0.4, 0.2]
        """
        if self.fall == "geometric":
            return float(self.last ** (update / updates))
        return 1.0 + (self.last - 1.0) * update / max(updates - 1, 1)


def accuracy(network: Layers, weights: LayerWeights, examples: Examples, *, workers: int = 1) -> tuple[float, float]:
    """The share of examples that are answered rightly (see `Examples.right`), and the mean number of spikes of each.

    Of `TimedLayers` whose answers are times: minus the root of the mean squared error, s, instead of the share.
    """
    found = network.answer(weights, examples.inputs, workers=workers)
    return score(network, examples, found.activities[-1]), float(found.spikes.mean())


@raise_interrupts()
def fit(
    network: Layers,
    data: Examples | Callable[[int], Examples],
    rule: LayerRule | LearnsFromSpikes,
    schedule: Schedule | None = None,
    *,
    validation: Examples | None = None,
    weights: LayerWeights | None = None,
    crossbars: Sequence[AbstractCrossbar] | None = None,
    biases: Sequence[ArrayLike] | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    workers: int = 1,
    progress: ProgressOption = None,
) -> Fitted:
    """Train a network of layers by a rule of several phases.

    For each mini-batch the network settles freely, then goes on in the phases of the rule; what their activities differ
    by is the change of the weights (see `EquilibriumPropagation`).

    Parameters
    ----------
    network
        `SpikingLayers`, `ConvolutionLayers`, `RateLayers`, `ResistiveNetwork`, `AssociativeMemory` or `TimedLayers`.
    data
        Examples to learn from; centre their inputs. Or a function that gives the examples of each epoch by its number,
        from 0 on, always the same for the same number: such as inputs that are distorted anew in each.
    rule
        `EquilibriumPropagation`, `ContrastiveHebbian`, `CoupledLearning`, `DeltaRule` or `Hebb`; for `SpikingLayers`
        also `EventPropagation` and `GatedSTDP`, for `TimedLayers` `ExactGradient`.
    schedule
        How long and how fast; None: the defaults of `Schedule`.
    validation
        Examples that the network is judged by after each epoch.
    weights
        To start from; None: drawn from the seed, see `first_weights`; with crossbars: what they hold.
    crossbars
        Arrays that hold the matrices, one each, instead of numbers: updates go to their learning registers, whole
        levels are written. They are changed in place. All examples of an update see one draw of the noise of reads, the
        validation examples another. Biases stay numbers.
    biases
        Of each layer, to start from with crossbars; None: zero, or the delays that `seed` draws for `TimedLayers`.
    seed
        Of the first weights, the order of the examples and the rule's draws.
    checkpoint
        A file that is written after each epoch. If it is there, training goes on from it, to the same bits.
    workers
        Threads that simulate examples side by side; they change no bit.
    progress
        Called as ``progress(done, total, label)`` in epochs; True or "bar": a bar on the terminal.

    Returns
    -------
    Fitted
        The weights, and by epoch the accuracy, or what else `accuracy` gives of such a network.

    Raises
    ------
    TrainingError
        If an output fires in no phase of a whole epoch: it can learn nothing any more.
    ParameterError, WeightError
        If rates, labels, weights or crossbars do not fit the network.
    StateError
        If the checkpoint is of another training.

    >>> import neuro as nr
    >>> examples = nr.Examples([[1.0, -1.0], [-1.0, 1.0]] * 10, [0, 1] * 10)
    >>> layers = nr.SpikingLayers(sizes=(2, 4, 2))
    >>> fitted = nr.fit(layers, examples, nr.EquilibriumPropagation(), nr.Schedule(epochs=3, batch=5))
    >>> fitted.training[-1]
    1.0
    """
    plan = Schedule() if schedule is None else instance(schedule, "schedule", Schedule, "a Schedule")
    source = (
        data if callable(data) else _always(instance(data, "data", Examples, "Examples or a function of the epoch"))
    )
    try:
        first = _checked(network, source(0), "data")
    except TypeError as problem:
        # Nothing else here raises one: it is the function's own, or it takes no number.
        wanted = "must be Examples, or a function that gives the Examples of an epoch by its number"
        raise ParameterError(wanted, where="data", value=f"{shown(data)}: {problem}") from problem
    if validation is not None:
        _checked(network, validation, "validation")
    if len(plan.rates) != len(network.sizes) - 1:
        wanted = f"must be a rate for each of the {len(network.sizes) - 1} matrices"
        raise ParameterError(wanted, where="Schedule.rates", value=len(plan.rates))
    whole_number(seed, "seed")
    holder = _holder_of(network, rule, plan, seed, weights, crossbars, biases)
    training = _Training(network, source, not callable(data), rule, plan, holder, seed, workers)
    # The network's settings decide the bits as much as the examples do.
    settings = fingerprint([network, rule, plan, seed, crossbars is not None], first, validation)
    file = None if checkpoint is None else check_target(checkpoint)
    with reporting(progress, "training") as report:
        return _run(training, validation, settings, file, report)


def _holder_of(
    network: Layers,
    rule: LayerRule | LearnsFromSpikes,
    plan: Schedule,
    seed: int,
    weights: LayerWeights | None,
    crossbars: Sequence[AbstractCrossbar] | None,
    biases: Sequence[ArrayLike] | None,
) -> Holder:
    """What holds the weights, from what `fit` was given."""
    arrays = None if crossbars is None else Arrays(crossbars, plan.max_levels, biases)
    if arrays is not None and weights is not None:
        raise ParameterError("crossbars hold weights of their own", where="weights", remedy="Program them")
    if arrays is None and biases is not None:
        wanted = "numbers hold weights and biases together"
        raise ParameterError(wanted, where="biases", remedy="Give them with the weights")
    wanted_network = getattr(rule, "network", None)
    if wanted_network is not None and not isinstance(network, wanted_network):
        wanted = f"must be {wanted_network.__name__} for this rule"
        raise ParameterError(wanted, where="network", value=type(network).__name__)
    if isinstance(network, OwnWeights):
        if not isinstance(rule, ComparesPhases):
            raise ParameterError("must compare phases for such a network", where="rule", value=type(rule).__name__)
        return network.holder(seed, weights, arrays)
    if arrays is not None:
        return CrossbarHolder(network.sizes, arrays)
    return DigitalHolder(network.sizes, first_weights(network.sizes, seed) if weights is None else weights)


def _run(
    training: _Training,
    validation: Examples | None,
    settings: str,
    file: Path | None,
    report: Callable[[float, float, str], None] | None,
) -> Fitted:
    """All epochs that are left."""
    plan, holder, fitted = training.plan, training.holder, Fitted(training.holder.weights)
    if isinstance(training.network, OwnScore):
        fitted.measure = training.network.measure
    best: LayerWeights | None = None
    if file is not None and file.exists():
        best = load_checkpoint(file, settings, holder, (training.velocity, training.silent), fitted)
    while fitted.epochs < plan.epochs and not fitted.stopped:
        right, spikes, revived = training.epoch(fitted.epochs)
        fitted.training.append(right)
        fitted.spikes.append(spikes)
        fitted.revived.append(revived)
        if validation is not None:
            found, _ = accuracy(training.network, holder.read(), validation, workers=training.workers)
            if best is None or found > max(fitted.validation):
                best = holder.weights
            fitted.validation.append(found)
            since = fitted.epochs - 1 - int(np.argmax(fitted.validation))
            fitted.stopped = plan.patience is not None and since >= plan.patience
        if file is not None:
            save_checkpoint(file, settings, holder, (training.velocity, training.silent), fitted, best)
        if report is not None:
            report(fitted.epochs, plan.epochs, "training")
    fitted.weights = best if plan.patience is not None and best is not None else holder.weights
    return fitted


def _always(data: Examples) -> Callable[[int], Examples]:
    """The same examples in each epoch."""
    return lambda epoch: data


def _checked(network: Layers, given: Examples, name: str) -> Examples:
    """These examples, if they fit the layers."""
    examples: Examples = instance(given, name, Examples, "Examples")
    features, outputs = network.sizes[0], network.sizes[-1]
    if examples.inputs.shape[1] != features:
        rule = f"inputs must have {features} features"
        raise ParameterError(rule, where=name, value=examples.inputs.shape[1])
    if examples.targets is None:
        indices(examples.labels, outputs, f"labels of {name}")
    elif examples.targets.shape[1] != outputs:
        raise ParameterError(f"must have {outputs} targets", where=name, value=examples.targets.shape[1])
    if isinstance(network, OwnScore):
        network.check_examples(examples, name)
    return examples


class _Training:
    """Mini-batches of one training."""

    def __init__(
        self,
        network: Layers,
        source: Callable[[int], Examples],
        fixed: bool,
        rule: LayerRule | LearnsFromSpikes,
        plan: Schedule,
        holder: Holder,
        seed: int,
        workers: int,
    ) -> None:
        self.network, self.source, self.fixed, self.rule, self.plan = network, source, fixed, rule, plan
        self.holder, self.seed, self.workers = holder, seed, workers
        held = holder.weights
        self.silent = np.zeros(network.sizes[-1], np.int64)
        """Updates since each output fired in some phase."""
        self.velocity = [np.zeros(each.shape) for each in (*held.matrices, *held.biases)]
        """Of the matrices, then of the biases."""
        self.revived = 0
        """Times that the bias of a silent output grew, in this epoch."""

    def epoch(self, number: int) -> tuple[float, float, int]:
        """One pass through the examples.

        Returns the score of its free phases, the mean number of their spikes, and how often an output was revived.
        """
        data = _checked(self.network, self.source(number), f"data of epoch {number}")
        order = stream(self.seed, "fit", "order", str(number)).permutation(len(data))
        rng = stream(self.seed, "fit", "rule", str(number))
        batches = -(-len(data) // self.plan.batch)
        spikes, self.revived = 0.0, 0
        answers, asked = np.zeros((len(data), self.network.sizes[-1])), np.zeros(self.network.sizes[-1], bool)
        for k in range(batches):
            which = order[k * self.plan.batch : (k + 1) * self.plan.batch]
            examples = data.take(which)
            targets = self._targets(examples)
            fade = self.plan.faded(number * batches + k, self.plan.epochs * batches)
            answer, outputs = self._batch(examples.inputs, targets, rng, fade)
            answers[which] = free = answer.activities[-1]
            spikes += float(answer.spikes.sum())
            self.silent[...] = np.where(free.sum(axis=0) + outputs > 0.0, 0, self.silent + 1)
            asked |= np.any(targets > 0.0, axis=0)
        # Epochs of a function may be short.
        dead = np.flatnonzero(asked & (self.silent >= max(batches, 0 if self.fixed else UPDATES)))
        if len(dead) and not (self.plan.revival and self.plan.rates[-1]):
            raise TrainingError(
                "every output that should fire must do so in some phase of an epoch, or it learns nothing any more",
                where=f"output {dead[0]}",
                value=f"no spike in {self.silent[dead[0]]} updates, until epoch {number}",
                remedy="Centre the inputs, take more momentum, a larger nudge, smaller rates, or a revival",
            )
        return score(self.network, data, answers), spikes / len(data), self.revived

    def _targets(self, examples: Examples) -> Floats:
        """What every output should do, shape (examples, outputs)."""
        if examples.targets is not None:
            return examples.targets
        return np.asarray(self.plan.target * np.eye(self.network.sizes[-1])[examples.labels])

    def _batch(self, inputs: Floats, targets: Floats, rng: np.random.Generator, fade: float) -> tuple[Answer, Floats]:
        """One update; returns the answer of the free phases, and the sum of what outputs did in the others."""
        if isinstance(self.rule, LearnsFromSpikes):
            given = self.holder.read(), inputs, targets, rng, self.workers
            free, (matrices, biases), others = self.rule.learn(self.network, *given)
            matrices[0] = matrices[0] * getattr(self.network, "gain", 1.0)
            self._move([*matrices, *biases], fade)
            return free, others
        phases = self.rule.phases(rng)
        free, found = self.network.learn(self.holder.read(), inputs, targets, phases, workers=self.workers)
        if isinstance(self.network, OwnWeights):
            matrices, biases = self.network.change_of(phases, inputs, found)
        else:
            matrices, biases = self.rule.changes(Settled(inputs, targets, free.activities, phases, found))
            # The drive of the first layer is `gain` times its inputs.
            matrices[0] = matrices[0] * getattr(self.network, "gain", 1.0)
        if isinstance(self.rule, OwnSteps):
            rates = self._rates(fade)[: len(matrices) + len(biases)]
            self.rule.step(self.holder, [*matrices, *biases], rates, self.plan.momentum)
            return free, np.ones(self.network.sizes[-1])
        self._move([*matrices, *biases], fade)
        if all(phase.nudge is not None for phase in phases) and phases:
            outputs = sum((each[-1].sum(axis=0) for each in found), np.zeros(()))
        else:
            # Where outputs are held, or compared with the target, silent ones learn as well.
            outputs = np.ones(self.network.sizes[-1])
        return free, np.asarray(outputs)

    def _rates(self, fade: float) -> list[float]:
        """Learning rates of the matrices and of the biases."""
        return [rate * fade for rate in (*self.plan.rates, *self.plan.rates)]

    def _move(self, changes: Sequence[Floats], fade: float) -> None:
        """Change the weights, with momentum."""
        for velocity, change in zip(self.velocity, changes, strict=True):
            velocity *= self.plan.momentum
            velocity += change
        rates = self._rates(fade)
        steps = [rate * each for rate, each in zip(rates, self.velocity, strict=True)]
        if self.plan.revival and np.any(dead := self.silent >= self.plan.revival):
            self.revived += int(dead.sum())
            steps[-1] = steps[-1] + rates[-1] * dead
        self.holder.add(steps)
