"""A slow event-driven simulator that is right on sight: what the exact engine is judged by.

Plain Python and closed forms; nothing is shared with `neuro.engine`. Between two events everything about a neuron
(v, its drive, its threshold) is a constant and a few exponentials, and every question (when does v reach the
threshold, the floor, the ceiling; when does the drive turn?) asks for the first zero of such a sum f. None is missed,
however briefly it shows: the operator (d/dt + 1/tau) removes the exponential with time constant tau from f, and since

    d/dt (exp(t/tau) f) = exp(t/tau) (d/dt + 1/tau) f,

f changes sign at most once between two zeros of the shorter sum, which are found the same way (`zeros`).
"""

from __future__ import annotations

import copy
import heapq
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from itertools import count, pairwise
from typing import Any, ClassVar

import numpy as np
import scipy.linalg
import scipy.optimize

from neuro.network.graph import Network, Population, Projection
from neuro.network.listing import delays_of, triplets_of
from neuro.network.neurons import AHP, ALIF, LIF, LinearNeuron, Source
from neuro.network.synapses import AllToAll, Dense, OneToOne, Sparse, is_matrix

Terms = Sequence[tuple[float, float]]
"""(coefficient, time constant) of each exponential."""
Noise = Callable[[], float]
Moment = Callable[[float], float]
WeightAt = Callable[[str, int, float], float | None]
"""(projection, its synapse k, the time of a spike) -> the weight that this spike has, or None: the one described."""


NANO = Fraction(1, 10**9)


def instant(t: float) -> float:
    """The whole nanosecond that `t` is within a rounding of, or `t`."""
    n = round(Fraction(t) / NANO)
    return float(n * NANO) if n < 2**51 and abs(Fraction(t) - n * NANO) * 2**48 <= n * NANO else t


class TooManySpikes(Exception):
    """The run was given up at `time`, because it had more spikes than asked for."""

    def __init__(self, time: float) -> None:
        super().__init__(f"more spikes than the limit at {time} s")
        self.time = time


@dataclass(frozen=True)
class Run:
    """What happened: spikes by population, and every state from which v can be read."""

    spikes: dict[str, tuple[list[float], list[int]]]
    """Times and ids by population name, sorted by time, then id."""
    cells: dict[str, list[Cell]]
    """The neurons of each population but the sources."""

    def train(self, name: str, i: int) -> list[float]:
        """Spike times of neuron `i` of a population."""
        return [t for t, j in zip(*self.spikes[name], strict=True) if j == i]

    def v(self, name: str, i: int, t: float) -> float:
        """v of neuron `i` at time `t`, after everything that happens at `t` has happened."""
        return self.cells[name][i].v_at(t)

    def quiet(self, name: str, i: int, t: float, margin: float) -> bool:
        """Does nothing happen to neuron `i` within `margin` seconds of `t`?"""
        times = [past.t for past in self.cells[name][i].history]
        return bisect_right(times, t + margin) == bisect_right(times, t - margin)


def simulate(
    network: Network,
    duration: float,
    inputs: Mapping[str, Any] | None = None,
    *,
    limit: int = 100_000,
    noise: float = 0.0,
    seed: int = 0,
    weight_at: WeightAt | None = None,
) -> Run:
    """Simulate `network` on [0, duration).

    Parameters
    ----------
    network
        Random synapses and convolutions are listed by `neuro.network`, which has tests of its own.
    duration
        Seconds.
    inputs
        By population name one input or a list of them: `.times` and `.ids` for a source, `.times` and `.values`
        of a current that is added to the bias from each time on; `.times`, `.ids` and `.neurons` of neurons that
        are forced: they fire at these times and have no dynamics; `.times`, `.ids`, `.weights` and `.receptor` of
        arrivals from outside. A Poisson source gets its spikes here, too.
    limit
        Spikes after which to give up with `TooManySpikes`.
    noise, seed
        A relative disturbance of each neuron's state whenever something happens to it, and of every time that is a
        sum: see `horizon`.
    weight_at
        Other weights than those described, for each spike.
    """
    rng = random.Random(seed)

    def moment(t: float) -> float:
        # Equal sums stay equal; those that a rounding keeps apart go their own ways.
        t = instant(t)
        return t * (1 + noise * random.Random(f"{seed} {t!r}").gauss(0.0, 1.0)) if noise else t

    cells = {
        p.name: [kind_of(p)(p, i, duration, lambda: noise * rng.gauss(0.0, 1.0), moment) for i in range(p.size)]
        for p in network.populations.values()
        if not isinstance(p.model, Source)
    }
    owner = {id(cell): (name, i) for name, group in cells.items() for i, cell in enumerate(group)}
    fanout = {name: list(_fanout(network, name, cells)) for name in network.populations}
    spikes: dict[str, list[tuple[float, int]]] = {name: [] for name in network.populations}
    # The serial number keeps events of one instant in the order in which they were scheduled.
    serial = count()
    heap: list[tuple[float, int, Cell, Callable[[], None]]] = []

    def fire(name: str, i: int, t: float) -> None:
        spikes[name].append((t, i))
        for pre, delay, cell, receptor, described, key in fanout[name]:
            if pre == i:
                arrival = moment(t + delay) if delay else t
                given = None if weight_at is None else weight_at(*key, t)
                weight = described if given is None else given
                heapq.heappush(heap, (arrival, next(serial), cell, partial(cell.receive, receptor, weight)))

    # Without delay, a source's spike is itself what arrives.
    instantly = any(delay == 0.0 for targets in fanout.values() for _, delay, *_ in targets)
    for name, told in (inputs or {}).items():
        for key, one in enumerate(told if isinstance(told, list | tuple) else [told]):
            for i in getattr(one, "neurons", ()):
                cells[name][i].suspend()
            if hasattr(one, "weights"):
                for t, i, weight in zip(one.times, one.ids, one.weights, strict=True):
                    arrive = partial(cells[name][i].receive, one.receptor, float(weight))
                    heapq.heappush(heap, (moment(float(t)), next(serial), cells[name][i], arrive))
            elif hasattr(one, "ids"):
                for t, i in zip(one.times, one.ids, strict=True):
                    if t < duration:
                        fire(name, int(i), instant(float(t)) if instantly else float(t))
            else:
                for t, row in zip(one.times, np.asarray(one.values, dtype=float), strict=True):
                    for cell, value in zip(cells[name], np.broadcast_to(row, len(cells[name])), strict=True):
                        switch = partial(cell.switch, key, float(value))
                        heapq.heappush(heap, (max(float(t), 0.0), next(serial), cell, switch))

    everyone = [cell for group in cells.values() for cell in group]
    while True:
        t = min([heap[0][0] if heap else math.inf, *(cell.due for cell in everyone)])
        if t >= duration:
            break
        touched = {id(cell): cell for cell in everyone if cell.due == t}
        happening = []
        while heap and heap[0][0] == t:
            _, _, cell, what = heapq.heappop(heap)
            touched[id(cell)] = cell
            happening.append(what)
        for cell in touched.values():
            cell.move(t)
        for what in happening:
            what()
        for key, cell in touched.items():
            for _ in range(cell.settle()):
                fire(*owner[key], t)
        if sum(map(len, spikes.values())) > limit:
            raise TooManySpikes(t)
    ordered = {name: sorted(pairs) for name, pairs in spikes.items()}
    return Run({n: ([t for t, _ in pairs], [i for _, i in pairs]) for n, pairs in ordered.items()}, cells)


def horizon(
    network: Network,
    duration: float,
    inputs: Mapping[str, Any] | None,
    run: Run,
    *,
    noise: float,
    tolerance: float,
    samples: Sequence[float] = (),
    weight_at: WeightAt | None = None,
) -> float:
    """Until when the spikes of `run` do not hang on rounding, s.

    A maximum of v that misses the threshold by 1e-14, two spikes that arrive 1e-18 s apart at a neuron which the
    first of them fires, a chain of delays whose sum depends on their order, a chaotic network: there another order
    of the same sums may be another result, and both are right. So the run is repeated with every state disturbed by
    a relative `noise`, much more than rounding does; the answer is the time of the first spike that this moves by
    more than `tolerance` seconds, adds or removes, or of the first of the `samples` at which it changes some v, less
    the microsecond by which a disturbed spike at a maximum of v may come earlier.
    """
    found = math.inf
    for seed in range(3):
        # A disturbed run may have more spikes than the undisturbed one, but not by much before they part.
        limit = 2 * sum(len(times) for times, _ in run.spikes.values()) + 100
        try:
            other = simulate(network, duration, inputs, limit=limit, noise=noise, seed=seed, weight_at=weight_at)
        except TooManySpikes as stop:
            duration = stop.time
            other = simulate(network, duration, inputs, noise=noise, seed=seed, weight_at=weight_at)
            found = min(found, duration)
        for name, group in run.cells.items():
            for i in range(len(group)):
                found = min(found, parting(run.train(name, i), other.train(name, i), tolerance))
                early = [t for t in samples if t < min(found, duration)]
                found = min([found, *(t for t in early if differ(run, other, name, i, t))])
    return found - 1e-6


def differ(run: Run, other: Run, name: str, i: int, t: float) -> bool:
    """Has a neuron another v in two runs, at a time at which nothing happens to it?"""
    return run.quiet(name, i, t, 1e-8) and not math.isclose(
        run.v(name, i, t), other.v(name, i, t), rel_tol=1e-8, abs_tol=1e-8
    )


def parting(a: Sequence[float], b: Sequence[float], tolerance: float) -> float:
    """The time at which two spike trains part: of the first pair that differs by more than `tolerance`."""
    for s, t in zip(a, b, strict=False):
        if abs(s - t) > tolerance:
            return min(s, t)
    longer = max(a, b, key=len)
    return math.inf if len(a) == len(b) else longer[min(len(a), len(b))]


class Cell:
    """One neuron: its parameters as plain numbers, its state at time `t`, and all earlier states."""

    def __init__(self, population: Population, i: int, end: float, noise: Noise, moment: Moment) -> None:
        model = population.model

        def number(value: Any) -> float:
            return float(np.broadcast_to(np.asarray(value, dtype=float), population.size)[i])

        def numbers(value: Any) -> list[float | None]:
            parts = value if isinstance(value, tuple) else (value,)
            return [None if part is None else number(part) for part in parts]

        self.leaky = isinstance(model, LIF | LinearNeuron)
        self.tau_m = number(model.tau_m) if self.leaky else math.inf
        self.rest = number(model.v_rest) if self.leaky else 0.0
        self.bias, self.v_reset = number(model.bias), number(model.v_reset)
        self.v_th = math.inf if model.v_th is None else number(model.v_th)
        self.refractory, self.subtracts = number(model.refractory), model.reset == "subtract"
        self.v_min = -math.inf if model.v_min is None else number(model.v_min)
        self.v_max = math.inf if model.v_max is None else number(model.v_max)
        self.tau_syn = [] if isinstance(model, LinearNeuron) else numbers(model.tau_syn)
        self.tau_slow, self.jump, self.adapts = [], [], isinstance(model, ALIF)
        if isinstance(model, AHP | ALIF):
            self.tau_slow = numbers(model.tau_ahp if isinstance(model, AHP) else model.tau_adapt)
            self.jump = numbers(model.jump)
        # A threshold that is raised by less than its rounding is not the number that it is without.
        self.level = self.v_th * (1 + noise()) if self.adapts else self.v_th
        self.end, self.noise, self.moment = end, noise, moment

        self.t = 0.0
        self.v = self.clip(number((population.initial or {}).get("v", self.rest)))
        begin = number((population.initial or {}).get("i", 0.0))
        self.current = [0.0 if tau is None else begin for tau in self.tau_syn]
        self.slow = [0.0] * len(self.tau_slow)
        self.extra: dict[int, float] = {}
        self.kick = 0.0
        self.held_until = -math.inf
        self.phase = "free"
        self.due = 0.0
        self.history: list[Cell] = []

    def suspend(self) -> None:
        """Stay at v_reset, and never spike of one's own."""
        self.v, self.held_until = self.v_reset, math.inf

    # What can happen to a cell at one instant: first it is moved there, then it receives, then it settles.

    def move(self, t: float) -> None:
        """Go to time `t`, before which nothing happens."""
        # No list is changed in place: the history shares them.
        v, dt = self.v_after(t), t - self.t
        self.current = decayed(self.current, self.tau_syn, dt)
        self.slow = decayed(self.slow, self.tau_slow, dt)
        self.v, self.t = v, t

    def receive(self, receptor: int, weight: float) -> None:
        """An input arrives."""
        if self.tau_syn[receptor] is None:
            self.kick += weight
        else:
            self.current = [x + weight if s == receptor else x for s, x in enumerate(self.current)]

    def switch(self, key: int, value: float) -> None:
        """The current that is given from outside changes."""
        self.extra = self.extra | {key: value}

    def settle(self) -> int:
        """Sum what has arrived, spike while v is above threshold, and look ahead; the number of spikes."""
        self.current = [x * (1 + self.noise()) for x in self.current]
        if not self.held:
            self.v = self.disturbed(self.clip(self.v + self.kick))
        self.kick, spikes = 0.0, 0
        while not self.held and self.v >= self.threshold(self.t):
            self.spike()
            spikes += 1
            if spikes > 1000:
                raise TooManySpikes(self.t)
        self.v = self.disturbed(self.v) if spikes else self.v
        self.phase = self.which_phase()
        self.due = self.next_change()
        self.history.append(copy.copy(self))
        return spikes

    def disturbed(self, v: float) -> float:
        # At a limit v is the limit, without rounding.
        at_limit = v in (self.v_min, self.v_max)
        scale = abs(v) + (1.0 if math.isinf(self.v_th) else abs(self.v_th))
        return v if at_limit else self.clip(v + self.noise() * scale)

    def spike(self) -> None:
        self.v = self.clip(self.v - self.v_th if self.subtracts else self.v_reset)
        self.slow = [x + jump for x, jump in zip(self.slow, self.jump, strict=True)]
        self.held_until = self.moment(self.t + self.refractory) if self.refractory else self.t

    # The equations.

    @property
    def held(self) -> bool:
        """Is the neuron refractory at its time? An input at the end of the refractory time finds it free."""
        return self.t < self.held_until

    @property
    def constant(self) -> float:
        """The part of the drive that does not decay: v_rest + bias, and the current given from outside."""
        return self.rest + self.bias + sum(self.extra.values())

    @property
    def currents(self) -> Terms:
        """What adds to the drive and decays: synaptic currents, and after-hyperpolarization with its sign."""
        synaptic = [(x, tau) for x, tau in zip(self.current, self.tau_syn, strict=True) if tau is not None]
        own = [] if self.adapts else [(-x, tau) for x, tau in zip(self.slow, self.tau_slow, strict=True)]
        return synaptic + own

    @property
    def raised(self) -> Terms:
        """What lies on top of the threshold."""
        return list(zip(self.slow, self.tau_slow, strict=True)) if self.adapts else []

    def threshold(self, t: float) -> float:
        return self.level + sum(x * math.exp(-(t - self.t) / tau) for x, tau in self.raised)

    def drive(self, t: float) -> float:
        """tau_m dv/dt (without leak: dv/dt) if v stays as it is until `t`."""
        inflow = self.constant + sum(x * math.exp(-(t - self.t) / tau) for x, tau in self.currents)
        return inflow - self.v if self.leaky else inflow

    def free(self, t: float) -> float:
        """v at time `t` if neither limit nor threshold is met."""
        dt = t - self.t
        if self.leaky:
            approach = (self.constant - self.v) * -math.expm1(-dt / self.tau_m)
            return self.v + approach + sum(x * response(dt, self.tau_m, tau) for x, tau in self.currents)
        return self.v + self.constant * dt + sum(x * tau * -math.expm1(-dt / tau) for x, tau in self.currents)

    def clip(self, v: float) -> float:
        return min(max(v, self.v_min), self.v_max)

    # Looking ahead.

    def which_phase(self) -> str:
        if self.held:
            return "held"
        if self.v <= self.v_min and self.drive(self.t) < 0:
            return "at a limit"
        if self.v >= self.v_max and self.drive(self.t) > 0:
            return "at a limit"
        return "free"

    def next_change(self) -> float:
        """When the phase ends or v reaches the threshold, if no input comes before."""
        if self.phase == "held":
            return self.held_until
        if self.phase == "at a limit":
            return min(self.when_drive_turns(), self.when_threshold_sinks_to_v())
        return min(
            self.when_free(lambda t: self.free(t) >= self.threshold(t), self.level, self.raised),
            self.when_free(lambda t: self.free(t) < self.v_min, self.v_min, []),
            self.when_free(lambda t: self.free(t) > self.v_max, self.v_max, []),
        )

    def when_drive_turns(self) -> float:
        sign = math.copysign(1.0, self.drive(self.t))
        turns = zeros(self.constant - (self.v if self.leaky else 0.0), self.currents, self.t, self.end)
        return first(lambda t: sign * self.drive(t) <= 0, [self.t, *turns, self.end])

    def when_threshold_sinks_to_v(self) -> float:
        if math.isinf(self.level):
            return math.inf
        turns = zeros(self.level - self.v, self.raised, self.t, self.end)
        return first(lambda t: self.threshold(t) <= self.v, [self.t, *turns, self.end])

    def when_free(self, reached: Callable[[float], bool], level: float, raised: Terms) -> float:
        """First time at which v - level - raised has changed sign, v being free."""
        if math.isinf(level):
            return math.inf
        if self.leaky:  # tau_m (d/dt + 1/tau_m) (v - level - raised) has no v in it
            const = self.constant - level
            terms = [*self.currents, *((-x * (1 - self.tau_m / tau), tau) for x, tau in raised)]
        else:  # and d/dt (v - level) has none either
            const, terms = self.constant, self.currents
        return first(reached, [self.t, *zeros(const, terms, self.t, self.end), self.end])

    # Looking back.

    def v_after(self, t: float) -> float:
        return self.free(t) if self.phase == "free" else self.v

    def v_at(self, t: float) -> float:
        """v at any time up to the end of the run."""
        return self.history[bisect_right([past.t for past in self.history], t) - 1].v_after(t)


class LinearCell(Cell):
    """A `LinearNeuron`, by the matrix exponential of (drive, v, u) as a whole, which is never taken apart.

    Between two events f = v - level is r . exp(M t) z, where M has the real eigenvalues l_1, l_2, ... As for other
    neurons, d/dt (exp(-l t) f) = exp(-l t) r (M - l) exp(M t) z: the sum that remains has one eigenvalue less.
    """

    def __init__(self, population: Population, i: int, end: float, noise: Noise, moment: Moment) -> None:
        super().__init__(population, i, end, noise, moment)
        model: Any = population.model
        self.inputs = np.asarray(model.inputs, float)
        self.to_v = np.broadcast_to(np.asarray(model.to_v, float), self.inputs.shape[1])
        self.own = np.broadcast_to(np.asarray(model.jump, float), len(self.inputs))
        self.readout = np.asarray(model.readout, float)
        self.u = np.zeros(len(self.inputs))
        self.flow = Flow.of(np.asarray(model.matrix, float), self.readout, self.tau_m)

    @property
    def state(self) -> Any:
        return np.array([self.constant, self.v, *self.u])

    def move(self, t: float) -> None:
        v, u = self.v_after(t), self.flow.after(t - self.t, self.state)[2:]
        self.v, self.u, self.t = v, u, t

    def receive(self, receptor: int, weight: float) -> None:
        self.kick += weight * float(self.to_v[receptor])
        self.u = self.u + weight * self.inputs[:, receptor]

    def settle(self) -> int:
        self.u = np.array([x * (1 + self.noise()) for x in self.u.tolist()])
        return super().settle()

    def spike(self) -> None:
        super().spike()
        self.u = self.u + self.own

    def drive(self, t: float) -> float:
        u = self.flow.after(t - self.t, self.state)[2:]
        return self.constant + float(self.readout @ u) - self.v

    def free(self, t: float) -> float:
        return float(self.flow.after(t - self.t, self.state)[1])

    def when_drive_turns(self) -> float:
        sign = math.copysign(1.0, self.drive(self.t))
        row = np.array([1.0, 0.0, *self.readout])
        turns = self.zeros_of(row, self.v, [0.0, *self.flow.rates[1:]])
        return first(lambda t: sign * self.drive(t) <= 0, [self.t, *turns, self.end])

    def when_free(self, reached: Callable[[float], bool], level: float, raised: Terms) -> float:
        if math.isinf(level):
            return math.inf
        # tau_m dv/dt turns wherever v - level has an extremum between two of its zeros.
        row = np.array([1.0, -1.0, *self.readout])
        return first(reached, [self.t, *self.zeros_of(row, 0.0, self.flow.rates), self.end])

    def zeros_of(self, row: Any, level: float, rates: Sequence[float]) -> list[float]:
        """Every time up to the end at which row . state(t) - level changes sign; `rates`: its eigenvalues but one."""
        state, start, flow = self.state, self.t, self.flow
        rows = [row]
        for rate in rates:
            rows.append(rows[-1] @ flow.matrix - rate * rows[-1])
        # Late in a long run all is as small as rounding and has no sign: more corners do no harm.
        grid = sorted({start, *(start + (self.end - start) * 0.5 ** np.arange(18)).tolist()})
        after = cache(lambda t: flow.after(t - start, state))
        corners = grid
        for k in range(len(rows) - 1, -1, -1):

            def value(t: float, k: int = k, bar: float = level if k == 0 else 0.0) -> float:
                return float(rows[k] @ after(t)) - bar

            values = [value(t) for t in corners]
            found = [
                scipy.optimize.brentq(value, p, q, xtol=1e-15)
                for (p, q), (a, b) in zip(pairwise(corners), pairwise(values), strict=True)
                if (a < 0.0) != (b < 0.0)
            ]
            corners = sorted({*grid, *found})
        return corners


class Flow:
    """exp(M t) of (drive, v, u), from tables of exp(M d) for the digits d of t."""

    DIGITS, PLACES, UNIT = 128, 8, 2.0**-53
    known: ClassVar[dict[bytes, Flow]] = {}

    def __init__(self, matrix: Any, readout: Any, tau_m: float) -> None:
        n = len(matrix)
        self.matrix = np.zeros((n + 2, n + 2))
        self.matrix[1, 0], self.matrix[1, 1], self.matrix[1, 2:] = 1 / tau_m, -1 / tau_m, readout / tau_m
        self.matrix[2:, 2:] = matrix
        self.leak, self.rates = -1 / tau_m, np.linalg.eigvals(matrix).real.tolist()
        self.tables = []
        for place in range(self.PLACES):
            powers = [np.eye(n + 2), scipy.linalg.expm(self.matrix * self.UNIT * float(self.DIGITS) ** place)]
            for k in range(2, self.DIGITS):
                powers.append(powers[k // 2] @ powers[k - k // 2])
            self.tables.append(powers)

    @classmethod
    def of(cls, matrix: Any, readout: Any, tau_m: float) -> Flow:
        """The same one for equal neurons."""
        key = matrix.tobytes() + readout.tobytes() + np.float64(tau_m).tobytes()
        if key not in cls.known:
            if len(cls.known) > 50:
                cls.known.clear()
            cls.known[key] = cls(matrix, readout, tau_m)
        return cls.known[key]

    def after(self, t: float, state: Any) -> Any:
        """exp(M t) state."""
        n = round(t / self.UNIT)
        for table in self.tables:
            n, digit = divmod(n, self.DIGITS)
            if digit:
                state = table[digit] @ state
        assert n == 0, "the tables end"
        return state


def kind_of(population: Population) -> type[Cell]:
    return LinearCell if isinstance(population.model, LinearNeuron) else Cell


def decayed(values: Sequence[float], taus: Sequence[float | None], dt: float) -> list[float]:
    return [x if tau is None else x * math.exp(-dt / tau) for x, tau in zip(values, taus, strict=True)]


def response(dt: float, tau_m: float, tau: float) -> float:
    """v at `dt` after a current of size 1 and time constant `tau` began, at tau = tau_m too."""
    gap = abs(tau - tau_m) / (tau_m * tau)  # |1/tau_m - 1/tau|
    if gap == 0:
        return dt / tau_m * math.exp(-dt / tau_m)
    return math.exp(-dt / max(tau, tau_m)) * -math.expm1(-gap * dt) / (gap * tau_m)


def zeros(const: float, terms: Terms, start: float, end: float) -> list[float]:
    """Every time in (start, end] at which const + sum c exp(-(t - start)/tau) changes sign."""
    if not terms:
        return []
    (_, tau), *rest = terms
    shorter = [(c * (1 / tau - 1 / other), other) for c, other in rest]
    corners = [start, *zeros(const / tau, shorter, start, end), end]

    def positive(t: float) -> bool:
        return const + sum(c * math.exp(-(t - start) / tau) for c, tau in terms) >= 0

    signs = [positive(t) for t in corners]
    return [
        halve(lambda t, now=b: positive(t) == now, p, q)
        for (p, q), (a, b) in zip(pairwise(corners), pairwise(signs), strict=True)
        if a != b
    ]


def first(reached: Callable[[float], bool], corners: Iterable[float]) -> float:
    """First time after the first corner at which `reached`, which changes at most once between two corners."""
    for p, q in pairwise(corners):
        if p < q and reached(q):
            return halve(reached, p, q)
    return math.inf


def halve(reached: Callable[[float], bool], p: float, q: float) -> float:
    """First float in (p, q] at which `reached`, which holds at q."""
    while p < (middle := p + (q - p) / 2) < q:
        p, q = (p, middle) if reached(middle) else (middle, q)
    return q


def _fanout(
    network: Network, name: str, cells: Mapping[str, list[Cell]]
) -> Iterable[tuple[int, float, Cell, int, float, tuple[str, int]]]:
    """Source neuron, delay, target cell, receptor, weight and name of each synapse out of a population."""
    for projection in network.projections.values():
        if projection.pre.name == name:
            synapses = listed(projection, network.seed)
            delays = np.broadcast_to(np.ravel(delays_of(projection, network.seed)), len(synapses)).tolist()
            for k, ((pre, post, weight), delay) in enumerate(zip(synapses, delays, strict=True)):
                target = cells[projection.post.name][post]
                yield pre, delay, target, projection.receptor, weight, (projection.name, k)


def listed(projection: Projection, seed: int) -> list[tuple[int, int, float]]:
    """Source, target and weight of each synapse."""
    # In the order in which the delays of a projection are given: of a matrix, row by row.
    synapses, rows, columns = projection.synapses, projection.pre.size, projection.post.size
    if isinstance(synapses, Sparse):
        each = np.broadcast_to(np.asarray(synapses.weight, dtype=float), np.shape(synapses.pre))
        return [(int(i), int(j), float(w)) for i, j, w in zip(synapses.pre, synapses.post, each, strict=True)]
    if isinstance(synapses, OneToOne):
        weights = np.broadcast_to(np.asarray(synapses.weight, dtype=float), rows)
        return [(i, i, float(w)) for i, w in enumerate(weights)]
    if isinstance(synapses, AllToAll):
        return [(i, j, float(synapses.weight)) for i in range(rows) for j in range(columns)]
    if not is_matrix(synapses):
        drawn = triplets_of(projection, seed)
        each = np.broadcast_to(drawn.weight, len(drawn.pre)).astype(float)
        return list(zip(drawn.pre.tolist(), drawn.post.tolist(), each.tolist(), strict=True))
    weights = synapses.weight if isinstance(synapses, Dense) else synapses.effective_weights()
    return [(i, j, float(weights[i][j])) for i in range(rows) for j in range(columns)]
