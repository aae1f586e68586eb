"""Layers of neurons that answer by their first spikes, for `fit` by exact gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np

from neuro.engine.lower.program import Program, build
from neuro.engine.recording import Recording, Spikes
from neuro.engine.trials.run import run_trials
from neuro.errors import ParameterError, WeightError
from neuro.gradients.batch import Slopes, Spiked
from neuro.gradients.layered import LayeredBatch
from neuro.gradients.lowering import Lowered, lowered
from neuro.gradients.silence import raise_silent
from neuro.gradients.sums import sum_runs
from neuro.gradients.timed_holders import TimedCrossbarHolder, TimedHolder
from neuro.gradients.voltages import Voltages
from neuro.learning.examples import Examples
from neuro.learning.holders import Arrays
from neuro.learning.layer_rules import Phase
from neuro.learning.layers import Answer, LayerWeights, check_sizes
from neuro.network.graph import Network, Population
from neuro.network.neurons import LIF, SpikeSource
from neuro.network.synapses import Dense
from neuro.randomness import stream
from neuro.units import ms
from neuro.validation import LONG, Floats, Ints, choice, field_of, finite, flag, number, positive, seconds, shown

__all__ = ["TimedLayers"]


@dataclass(frozen=True, kw_only=True)
class TimedLayers:
    """Layers of LIF neurons, each onto the next; an input is the time of a spike, and so is the answer of an output.

    The loss of an example is over the first spike times t of the outputs; a silent one counts as if it spiked at the
    end. As a class, the first output to spike is the answer, and the loss the cross-entropy of softmax(-t /
    temperature). As times, each t is an answer, and the loss the sum of ((t - target) / temperature)^2. Train it with
    `fit` and `ExactGradient`. Inputs of examples are times, s; one at the end of the run or later is no spike.

    >>> layers = TimedLayers(sizes=(5, 20, 3))
    >>> layers.network.populations["layer2"].size
    3
    """

    sizes: tuple[int, ...]
    """Number of inputs, and of the neurons of each layer; the last are the outputs."""
    duration: float = 60 * ms
    """Of a run, s."""
    tau_m: float = 20 * ms
    """Membrane time constant, s."""
    tau_syn: float = 5 * ms
    """Synaptic time constant, s."""
    delay: float = 1 * ms
    """From a spike to its effect, s; where delays are trained, the mean of the first."""
    delay_width: float = 0.0
    """Delays are first drawn uniformly from `delay` times 1 - and 1 + this."""
    train_delays: float = 0.0
    """Delays are trained in units of this, s: a step of the optimiser is so many of it as it is of weights. 0: they
    stay."""
    once: bool = False
    """Does each neuron spike at most once in a run? Its refractory time is then the run."""
    shortest_delay: float = 0.1 * ms
    """Delays are not trained below this, s."""
    train_weights: bool = True
    """Are weights trained? If not, the delays alone are."""
    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    """Of classes, or of times: then `Examples.targets` are when each output should spike first, s."""
    temperature: float = 2 * ms
    """Scale of the differences of spike times in the loss, s."""
    first_mean: tuple[float, ...] = (1.5, 0.9)
    """Mean of the first weights of each matrix; the last stands for all further ones. Threshold 1."""
    first_sd: tuple[float, ...] = (0.8, 0.3)
    """Their standard deviation."""
    slope_floor: float = 0.0
    """Least dv/dt at a spike that a gradient divides by, units of v per second: a spike that is about to vanish has a
    gradient without bound. 0: exact gradients."""
    revival: float = 0.0
    """Factor of the largest v of the right output (of any one, if answers are times) where that is silent: its weights
    grow. 0: it learns nothing. Spike times have derivatives of about 1 / (`temperature` dv/dt); below that, outputs
    that fall silent stay so."""
    least_spikes: float = 0.0
    """Mean number of spikes of a hidden neuron in the examples of an update below which its inputs grow, see
    `neuro.gradients.silence`. 0: neurons that fall silent stay so."""
    raising: float = 1.0
    """Factor of the charge that such a neuron receives in the loss, per unit of weight. The derivatives of the loss by
    weights are small when nearly all answers are right; a factor that is much larger disturbs them."""
    acted: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)
    """How often "slope_floor", "revival" and "least_spikes" have acted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", check_sizes(self.sizes, "TimedLayers.sizes"))
        for key in ("duration", "tau_m", "tau_syn", "delay", "temperature", "shortest_delay"):
            field_of(self, key, number, check=seconds, long=LONG)
        for key in ("slope_floor", "revival", "least_spikes", "raising", "train_delays", "delay_width"):
            field_of(self, key, number, check=positive, zero=True)
        flag(self.once, "TimedLayers.once")
        choice(self.loss, "TimedLayers.loss", ("cross_entropy", "squared_error"))
        if not flag(self.train_weights, "TimedLayers.train_weights"):
            self._check_delays_alone()
        positive(self.first_sd, "TimedLayers.first_sd", zero=True)
        for key in ("first_mean", "first_sd"):
            given = finite(getattr(self, key), f"TimedLayers.{key}")
            if given.ndim != 1 or not len(given):
                rule = "must be a number for each matrix, in a tuple"
                raise ParameterError(rule, where=f"TimedLayers.{key}", value=shown(getattr(self, key)))
        if self.delay_width >= 1.0:
            rule = "must be less than 1"
            raise ParameterError(rule, where="TimedLayers.delay_width", value=self.delay_width)

    def _check_delays_alone(self) -> None:
        """Refuse settings by which nothing, or more than delays, would be trained."""
        if self.train_delays == 0.0:
            rule = "must be above 0 where weights are not trained"
            remedy = "Give the unit of the steps of delays, such as 5e-3 s"
            raise ParameterError(rule, where="TimedLayers.train_delays", value=self.train_delays, remedy=remedy)
        if self.least_spikes > 0.0:
            rule, remedy = "raises weights, which are not trained", "Leave it at 0, or take larger first weights"
            raise ParameterError(rule, where="TimedLayers.least_spikes", value=self.least_spikes, remedy=remedy)

    @cached_property
    def network(self) -> Network:
        """The layers as a network, with weights of zero; names are inputs, layer1, layer2, ..., and up1, up2, ..."""
        matrices = [np.zeros(pair) for pair in pairwise(self.sizes)]
        return self._connected(LayerWeights(tuple(matrices), ()))

    def _connected(self, weights: LayerWeights) -> Network:
        network = Network()
        network.add(Population("inputs", self.sizes[0], SpikeSource()))
        for layer, size in enumerate(self.sizes[1:], 1):
            pause = self.duration if self.once else 0.0
            model = LIF(tau_m=self.tau_m, v_th=1.0, tau_syn=self.tau_syn, refractory=pause)
            network.add(Population(f"layer{layer}", size, model))
        for layer, matrix in enumerate(weights.matrices, 1):
            low = f"layer{layer - 1}" if layer > 1 else "inputs"
            delay = weights.biases[layer - 1] if self._own_delays and weights.biases else self.delay
            network.connect(low, f"layer{layer}", Dense(matrix), delay=delay, name=f"up{layer}")
        return network

    @cached_property
    def _program(self) -> Program:
        return build(self.network)

    @property
    def _own_delays(self) -> bool:
        """Has each synapse a delay of its own?"""
        return self.train_delays > 0.0 or self.delay_width > 0.0

    @property
    def _timed(self) -> bool:
        """Are answers times?"""
        return self.loss == "squared_error"

    def programmed(self, weights: LayerWeights) -> Program:
        """The program with these weights."""
        if self._own_delays:
            return build(self._connected(weights))
        return self._program.with_weights({f"up{k}": each for k, each in enumerate(weights.matrices, 1)})

    def holder(self, seed: int, weights: LayerWeights | None, arrays: Arrays | None) -> TimedHolder:
        """As `OwnWeights.holder`; delays stand in the place of biases."""
        drawn = self.first_weights(seed)
        if arrays is None:
            given = drawn if weights is None else weights
            self._check(given)
            return TimedHolder(given, self.train_delays, self.shortest_delay)
        delays = drawn.biases if arrays.biases is None else tuple(finite(each, "biases") for each in arrays.biases)
        holder = TimedCrossbarHolder(self.sizes, arrays, delays, self.train_delays, self.shortest_delay)
        self._check(holder.weights)
        return holder

    def _check(self, weights: LayerWeights) -> None:
        """Refuse weights and delays of other layers."""
        wanted = [*pairwise(self.sizes)]
        for part, name in zip(weights, ("matrices", "delays in the place of biases"), strict=True):
            found = [finite(each, "LayerWeights", error=WeightError).shape for each in part]
            if found != wanted:
                raise WeightError(f"must be {name} of layers of {self.sizes}", where="LayerWeights", value=found)
        for each in weights.biases:
            positive(each, "delays of LayerWeights", zero=True)

    def first_weights(self, seed: int) -> LayerWeights:
        """Normal weights, and delays, which stand in the place of biases."""
        matrices, delays = [], []
        for k, pair in enumerate(pairwise(self.sizes)):
            mean, sd = (each[min(k, len(each) - 1)] for each in (self.first_mean, self.first_sd))
            matrices.append(stream(seed, "timed layers", "weights", str(k)).normal(mean, sd, pair))
            drawn = stream(seed, "timed layers", "delays", str(k)).uniform(-1.0, 1.0, pair)
            delays.append(self.delay * (1.0 + self.delay_width * drawn))
        return LayerWeights(tuple(matrices), tuple(delays))

    @property
    def measure(self) -> str:
        """As `OwnScore.measure`."""
        return "minus rms error, s" if self._timed else "accuracy"

    def check_examples(self, examples: Examples, name: str) -> None:
        """As `OwnScore.check_examples`: where answers are times, targets must be times of the run."""
        if not self._timed:
            return
        rule = f"must be the time of the first spike of each output, in 0..{self.duration:g} s"
        if examples.targets is None:
            remedy = "Give Examples(inputs, targets=times)"
            raise ParameterError(rule, where=f"targets of {name}", value=None, remedy=remedy)
        outside = examples.targets[(examples.targets < 0.0) | (examples.targets > self.duration)]
        if len(outside):
            raise ParameterError(rule, where=f"targets of {name}", value=f"{outside[0]:g} s")

    def score(self, examples: Examples, outputs: Floats) -> float:
        """As `OwnScore.score`: the share of right classes; of times, minus the root of the mean squared error, s."""
        self.check_examples(examples, "examples")
        if not self._timed or examples.targets is None:
            return float(examples.right(outputs).mean())
        return -float(np.sqrt(np.mean((self.duration - outputs - examples.targets) ** 2)))

    def _runs(self, program: Program, inputs: Floats, workers: int) -> list[Recording]:
        order = np.argsort(inputs, axis=1, kind="stable")
        times = np.take_along_axis(inputs, order, axis=1)
        counts = (times < self.duration).sum(axis=1)
        rows = zip(times, order, counts, strict=True)
        trials = [{"inputs": {"inputs": Spikes.in_order(t[:n].copy(), i[:n])}} for t, i, n in rows]
        return list(run_trials(program, self.duration, trials, workers=workers))

    def _batch(self, weights: LayerWeights, inputs: Floats) -> LayeredBatch | None:
        """The examples for the kernels of layers, which do not refuse inputs."""
        if np.any(inputs < 0.0):
            return None
        constants = (
            *(1.0 / self.tau_m, 1.0 / self.tau_syn, self.delay, self.duration, self.temperature),
            *(self.slope_floor, self.revival, float(self.once), float(self._timed)),
        )
        delays = weights.biases if self._own_delays else ()
        return LayeredBatch.of(self.sizes, weights.matrices, delays, constants, inputs)

    def answer(self, weights: LayerWeights, inputs: Floats, *, workers: int = 1) -> Answer:
        """As `Layers.answer`; the activity of an output is the time from its first spike to the end, s."""
        batch = self._batch(weights, inputs)
        found = None if batch is None else batch.answer(workers)
        if found is not None:
            return Answer([self.duration - found.answer], found.spikes)
        runs = self._runs(self.programmed(weights), inputs, workers)
        first, _ = self._first_spikes(runs)
        spikes = np.array([sum(map(len, run.spikes.values())) for run in runs], np.float64)
        return Answer([self.duration - first], spikes)

    def _first_spikes(self, runs: Sequence[Recording]) -> tuple[Floats, Ints]:
        """First spike times of the outputs, shape (runs, outputs), and their numbers within the population, or -1."""
        outputs = [run.spikes[f"layer{len(self.sizes) - 1}"] for run in runs]
        times, which = np.full((len(runs), self.sizes[-1]), self.duration), np.full((len(runs), self.sizes[-1]), -1)
        for b, spikes in enumerate(outputs):
            # The earliest is written last.
            times[b, spikes.ids[::-1]] = spikes.times[::-1]
            which[b, spikes.ids[::-1]] = np.arange(len(spikes))[::-1]
        return times, which

    def learn(
        self, weights: LayerWeights, inputs: Floats, targets: Floats, phases: Sequence[Phase], *, workers: int = 1
    ) -> tuple[Answer, list[list[Floats]]]:
        """As `Layers.learn`, but what is found beside the answer are minus the mean gradients of the batch."""
        if phases:
            rule = "these layers learn by exact gradients, without phases"
            raise ParameterError(rule, where="rule", remedy="Take ExactGradient()")
        batch = self._batch(weights, inputs)
        quick = None if batch is None else batch.learn(targets, workers)
        if quick is None:
            return self._learn_runs(weights, inputs, targets, workers)
        for what, count in zip(("slope_floor", "revival"), quick.acted.tolist(), strict=True):
            self._tell(what, count)
        changes = [-each for each in quick.gradient]
        self._raise_silent(changes, quick.by_neuron)
        self._keep(changes)
        if self._own_delays:
            changes += [-self.train_delays * each for each in quick.by_delay]
        else:
            changes += [np.zeros(pair) for pair in pairwise(self.sizes)]
        return Answer([self.duration - quick.answer], np.zeros(len(inputs))), [changes]

    def _learn_runs(
        self, weights: LayerWeights, inputs: Floats, targets: Floats, workers: int
    ) -> tuple[Answer, list[list[Floats]]]:
        """As `learn`, from recordings of runs: for any delays."""
        program = self.programmed(weights)
        own = lowered(program)
        recordings = self._runs(program, inputs, workers)
        first, which = self._first_spikes(recordings)
        by_first = self._by_first(first, targets) / (self.temperature * len(recordings))
        runs, slopes = [], []
        for b, run in enumerate(self._in_common(program, recordings)):
            by_time = np.zeros(len(run.time))
            fired = which[b] >= 0
            by_time[run.places(f"layer{len(self.sizes) - 1}")[which[b][fired]]] = by_first[b][fired]
            slope = Slopes(by_time)
            silent = np.flatnonzero(((targets[b] > 0.0) | self._timed) & ~fired) if self.revival else ()
            if len(silent):
                self._revive(own, program, run, slope, np.asarray(silent), self.revival / len(recordings))
            runs.append(run)
            slopes.append(slope)
        sums = sum_runs(own, runs, slopes, times=False, floor=self.slope_floor, workers=workers)
        for place, by_delay in (pair for each in slopes for pair in each.delays):
            sums.delay[place] += by_delay
        self._tell("slope_floor", int(sums.small[0]))
        names = [f"up{k}" for k in range(1, len(self.sizes))]
        found = [-own.wiring.bundles[name].given(sums.weight) for name in names]
        if self.least_spikes:
            counts = [np.zeros(size) for size in self.sizes]
            for recording in recordings:
                for total, spikes in zip(counts, recording.spikes.values(), strict=True):
                    total += np.bincount(spikes.ids, minlength=len(total))
            self._raise_silent(found, [total / len(recordings) for total in counts])
        self._keep(found)
        found += [-self.train_delays * own.wiring.bundles[name].given(sums.delay) for name in names]
        return Answer([self.duration - first], np.zeros(len(recordings))), [found]

    def _by_first(self, first: Floats, targets: Floats) -> Floats:
        """Derivatives of the loss by first spike times in units of the temperature, shape (examples, outputs)."""
        if self._timed:
            return np.asarray(2.0 * (first - targets) / self.temperature)
        logits = -first / self.temperature
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(targets - shares / shares.sum(axis=1, keepdims=True))

    def _keep(self, changes: list[Floats]) -> None:
        """Take the changes of weights back where only delays are trained."""
        if not self.train_weights:
            for each in changes:
                each[...] = 0.0

    def _in_common(self, program: Program, recordings: Sequence[Recording]) -> list[Spiked]:
        """The recordings in the common numbering of neurons, sorted all at once."""
        names, count = list(program.offset), len(recordings)
        lengths = np.array([[len(run.spikes[name]) for name in names] for run in recordings])
        parts = [run.spikes[name] for run in recordings for name in names]
        time = np.concatenate([part.times for part in parts])
        who = np.concatenate([part.ids for part in parts])
        who += np.repeat(np.tile([program.offset[name] for name in names], count), lengths.ravel())
        order = np.lexsort((time, np.repeat(np.arange(count), lengths.sum(axis=1))))
        time, who = time[order], who[order].astype(np.int32)
        ends = np.cumsum([0, *lengths.sum(axis=1)]).tolist()
        return [
            Spiked(program, time[first:last], who[first:last], 0.0, self.duration, (), program.drive)
            for first, last in pairwise(ends)
        ]

    def _revive(self, own: Lowered, program: Program, run: Spiked, slope: Slopes, silent: Ints, factor: float) -> None:
        """Add minus `factor` times the largest v of silent outputs to the loss."""
        voltages = Voltages(own, run)
        neurons = program.offset[f"layer{len(self.sizes) - 1}"] + silent
        voltages.prepare(neurons)
        for j in neurons:
            peak = voltages.peak(int(j), run.start, run.stop)
            slope.samples.append((int(j), peak.time, peak.key, -factor))
            if peak.spike >= 0:
                slope.time[peak.spike] -= factor * peak.slope
                if peak.synapse >= 0:
                    slope.delays.append((peak.synapse, -factor * peak.slope))
        self._tell("revival", len(silent))

    def _raise_silent(self, changes: list[Floats], by_neuron: Sequence[Floats]) -> None:
        if self.least_spikes and by_neuron:
            self._tell("least_spikes", raise_silent(changes, by_neuron, self.least_spikes, self.raising))

    def _tell(self, what: str, count: int) -> None:
        if count:
            self.acted[what] = self.acted.get(what, 0) + count

    def change_of(
        self, phases: Sequence[Phase], inputs: Floats, found: Sequence[Sequence[Floats]]
    ) -> tuple[list[Floats], list[Floats]]:
        """As `OwnWeights.change_of`."""
        depth = len(self.sizes) - 1
        return list(found[0][:depth]), list(found[0][depth:])
