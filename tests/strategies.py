"""Small networks of every kind, for laws that hold for all networks.

Numbers are generic: none is a round fraction of another, so that a comparison that decides something is not
decided by rounding. What is equal is equal on purpose: spikes of one instant, delays, neurons, refractory times
and delays, synaptic and membrane time constants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from hypothesis import assume
from hypothesis import strategies as st

from neuro.engine.drive.drawn import DrawnDrives
from neuro.engine.drive.poisson import poisson
from neuro.engine.lower.drives import drive_keys
from neuro.network.convolution import Convolution2d
from neuro.network.distance import Gaussian, Linear
from neuro.network.distributions import LogNormal, Normal, Uniform
from neuro.network.drives import PoissonInput, TimedRate
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, ALIF, IF, LIF, LinearNeuron, PoissonSource, SpikeSource, receptors
from neuro.network.rules import DistanceDependent, FixedOutdegree, FixedTotalNumber
from neuro.network.synapses import AllToAll, Dense, FixedIndegree, FixedProbability, OneToOne, Sparse, is_random
from tests.oracle import TooManySpikes, simulate

MOST_SPIKES = 300
MOST_ARRIVALS = 60.0
"""Of a drive, in the mean."""
GRID = 1e-4
"""Step of the networks whose times lie on a grid, s."""


@dataclass(frozen=True)
class Train:
    """Spikes of a source."""

    times: np.ndarray
    ids: np.ndarray


def train(pairs):
    """Spikes (time, id), sorted."""
    pairs = sorted(pairs)
    return Train(np.array([t for t, _ in pairs], float), np.array([i for _, i in pairs], np.int64))


@dataclass(frozen=True)
class Drawn(Train):
    """Spikes of a Poisson source, as the engine draws them."""


@dataclass(frozen=True)
class Forced(Train):
    """Spikes of neurons whose own dynamics are suspended."""

    neurons: np.ndarray


@dataclass(frozen=True)
class Arrived(Train):
    """Arrivals of a drive, as the engine draws them; `ids` are their neurons."""

    weights: np.ndarray
    receptor: int


@dataclass(frozen=True)
class Steps:
    """A current that is constant from each time to the next."""

    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Grid:
    """Weights as a crossbar offers them."""

    weights: np.ndarray

    @property
    def shape(self):
        return self.weights.shape

    def effective_weights(self):
        return self.weights


def fractions():
    """Generic numbers between 0 and 1."""
    return st.integers(0, 9999).map(lambda n: (n + 1) * 0.6180339887498949 % 1)


def between(low, high):
    """Generic numbers between two others."""
    return fractions().map(lambda x: low + (high - low) * x)


def seldom(strategy, otherwise):
    """`strategy` in one case of four."""
    return st.integers(0, 3).flatmap(lambda n: strategy if n == 3 else st.just(otherwise))


@st.composite
def each(draw, size, low, high):
    """A parameter: one number for all neurons, or one for each."""
    if draw(st.booleans()):
        return draw(between(low, high))
    return np.array([draw(between(low, high)) for _ in range(size)])


def nearly(draw, tau):
    """Exactly another time constant, or nearly."""
    return None if tau is None else tau * (1 + draw(st.sampled_from([0.0, 0.0, -1e-3, -1e-6, 1e-9, 1e-13])))


@st.composite
def time_constants(draw, size, tau_m):
    """Of one receptor: none, or any, or exactly or nearly the membrane's."""
    kind = draw(st.sampled_from(["jump", "jump", "any", "any", "any", "equal", "nearly"]))
    if kind == "jump":
        return None
    if kind == "any" or tau_m is None:
        return draw(each(size, 2e-3, 15e-3))
    return tau_m if kind == "equal" else tau_m * (1 + draw(st.sampled_from([-1e-3, -1e-6, 1e-9, 1e-13])))


def refractory_times(size, delays):
    """None, short, long, or exactly a delay: then a neuron's own spike comes back at the end."""
    return st.one_of(st.just(0.0), each(size, 0.3e-3, 2e-3), each(size, 5e-3, 12e-3), st.sampled_from(delays))


def ceilings(size, v_th):
    """Above the threshold, or at it."""
    if v_th is None:
        return each(size, 0.31, 0.59)
    return st.one_of(each(size, 0.0, 0.4).map(lambda x: v_th + x), st.just(v_th))


@st.composite
def common(draw, size, tau_m, delays, whole):
    """What all models have; `whole`: some never spike."""
    v_th = draw(each(size, 0.6, 1.4))
    if whole and draw(st.integers(0, 9)) == 9:
        v_th = None
    taus = draw(st.lists(time_constants(size, tau_m), min_size=1, max_size=3))
    if len(taus) > 1 and draw(st.booleans()):
        taus[0] = nearly(draw, taus[1])
    fields = {
        "v_th": v_th,
        "v_reset": draw(seldom(each(size, -0.3, 0.3), 0.0)),
        "reset": draw(st.sampled_from(["to_value", "to_value", "subtract"])),
        "refractory": draw(refractory_times(size, delays)),
        "v_min": draw(seldom(each(size, -0.6, -0.31), None)),
        "v_max": draw(seldom(ceilings(size, v_th), None)),
    }
    taus = tuple(taus)
    fields["tau_syn"] = taus if len(taus) > 1 or draw(st.booleans()) else taus[0]
    return fields


@st.composite
def slow(draw, size, tau_m, tau_syn, *, lowest):
    """Time constants and jumps of one slow variable, or tuples of them."""
    others = [tau for tau in (tau_syn if isinstance(tau_syn, tuple) else (tau_syn,)) if tau is not None]
    alike = [st.just(nearly(draw, others[0]))] if others else []
    taus = st.one_of(each(size, 15e-3, 150e-3), each(size, 15e-3, 150e-3), st.just(tau_m), *alike)
    if draw(st.booleans()):
        return draw(taus), draw(each(size, lowest, 0.6))
    n = draw(st.integers(1, 3))
    return tuple(draw(taus) for _ in range(n)), tuple(draw(each(size, lowest, 0.4)) for _ in range(n))


@st.composite
def plain(draw, size, delays):
    """Leaky neurons with one receptor, all with the same time constants: the engine's fastest path."""
    n = draw(st.sampled_from([0, 0, 0, 1, 2, 3]))
    own = {
        "tau_ahp": tuple(draw(between(15e-3, 150e-3)) for _ in range(n)),
        "jump": tuple(draw(each(size, -0.15, 0.4)) for _ in range(n)),
    }
    return (AHP if n else LIF)(
        **(own if n else {}),
        tau_m=draw(between(6e-3, 30e-3)),
        tau_syn=draw(st.one_of(st.none(), between(2e-3, 15e-3), between(2e-3, 15e-3), between(40e-3, 90e-3))),
        v_th=draw(each(size, 0.6, 1.4)),
        v_reset=draw(seldom(each(size, -0.3, 0.3), 0.0)),
        v_rest=draw(seldom(each(size, -0.2, 0.2), 0.0)),
        bias=draw(st.one_of(st.just(0.0), each(size, -0.3, 0.5), each(size, 0.4, 2.5))),
        refractory=draw(refractory_times(size, delays)),
        reset=draw(st.sampled_from(["to_value", "to_value", "subtract"])),
    )


@st.composite
def matrices(draw, tau_m):
    """A matrix of decay rates and couplings: apart, one after the other, or each on each; one rate perhaps 1 / tau_m.

    Its eigenvalues are real, below zero, and apart.
    """
    n, tau = draw(st.integers(1, 4)), draw(between(1.5e-3, 12e-3))
    taus = [tau := tau * draw(between(1.3, 4.0)) for _ in range(n)]
    if isinstance(tau_m, float) and draw(st.integers(0, 3)) == 3:
        # Nearly the membrane's, but not nearly another.
        taus = [each for each in taus if abs(math.log(each / tau_m)) > 0.2]
        taus.append(tau_m * (1 + draw(st.sampled_from([0.0, -1e-3, -1e-6, 1e-9, 1e-13]))))
    n, rates = len(taus), -1.0 / np.array(taus)
    kind = draw(st.sampled_from(["apart", "one after the other", "each on each"]))
    if kind == "apart":
        return np.diag(rates)
    mixed = np.array([draw(between(-1.0, 1.0)) for _ in range(n * n)]).reshape(n, n)
    if kind == "one after the other":
        return np.diag(rates) + np.tril(mixed, -1) * np.abs(rates)
    change = np.eye(n) + 0.4 * mixed / n
    return change @ np.diag(rates) @ np.linalg.inv(change)


@st.composite
def linear_neurons(draw, size, delays):
    """Neurons by equations of their own, whose receptors each bring a current of size 1, or a jump of v, or both."""
    tau_m = draw(each(size, 6e-3, 30e-3))
    matrix = draw(matrices(tau_m))
    n, many = len(matrix), draw(st.integers(1, 2))
    readout = np.array([draw(st.sampled_from([1.0, 1.0, -0.7, 0.0])) for _ in range(n)])
    inputs = np.array([draw(st.sampled_from([0.0, 1.0, draw(between(-1.0, 1.0))])) for _ in range(n * many)])
    jump = np.array([draw(st.sampled_from([0.0, 0.0, draw(between(-0.5, 0.5))])) for _ in range(n)])
    inputs = inputs.reshape(n, many)
    response = np.array([scipy.linalg.expm(matrix * t) for t in np.linspace(0.0, 0.05, 40)])
    peak = np.abs(readout @ response @ inputs).max(axis=0)
    to_v = np.array([draw(st.sampled_from([0.0, 0.0, 0.7])) if high > 0.05 else 1.0 for high in peak])
    v_th = draw(each(size, 0.6, 1.4))
    return LinearNeuron(
        tau_m=tau_m,
        v_th=v_th,
        matrix=matrix,
        readout=readout,
        inputs=inputs / np.maximum(peak, 0.05),
        to_v=to_v,
        jump=jump,
        v_reset=draw(seldom(each(size, -0.3, 0.3), 0.0)),
        v_rest=draw(seldom(each(size, -0.2, 0.2), 0.0)),
        bias=draw(st.one_of(st.just(0.0), each(size, -0.3, 0.5), each(size, 0.4, 1.6))),
        refractory=draw(refractory_times(size, delays)),
        reset=draw(st.sampled_from(["to_value", "to_value", "subtract"])),
        v_min=draw(seldom(each(size, -0.6, -0.31), None)),
        v_max=draw(seldom(ceilings(size, v_th), None)),
    )


@st.composite
def models(draw, size, delays, whole=False, own=0):
    """Any model with a membrane; of `own` of four networks, one with equations of its own."""
    if own and draw(st.integers(1, 4)) <= own:
        return draw(linear_neurons(size, delays))
    if draw(st.booleans()):
        return draw(plain(size, delays))
    kind = draw(st.sampled_from([LIF, LIF, AHP, ALIF, IF]))
    tau_m = None if kind is IF else draw(each(size, 6e-3, 30e-3))
    fields = draw(common(size, tau_m, delays, whole and kind in (LIF, IF)))
    if kind is IF:
        return IF(bias=draw(st.one_of(st.just(0.0), each(size, -20.0, 90.0))), **fields)
    fields["v_rest"] = draw(seldom(each(size, -0.2, 0.2), 0.0))
    fields["bias"] = draw(st.one_of(st.just(0.0), each(size, -0.3, 0.5), each(size, 0.4, 2.5)))
    if kind is AHP:
        taus, jumps = draw(slow(size, tau_m, fields["tau_syn"], lowest=-0.15))
        return AHP(tau_m=tau_m, tau_ahp=taus, jump=jumps, **fields)
    if kind is ALIF:
        # A threshold that sinks below v_reset would let one spike set off infinitely many.
        taus, jumps = draw(slow(size, tau_m, fields["tau_syn"], lowest=0.02))
        return ALIF(tau_m=tau_m, tau_adapt=taus, jump=jumps, **fields)
    return LIF(tau_m=tau_m, **fields)


@st.composite
def synapses(draw, pre, post, scale, dtype, whole=False, more=False):
    """Any wiring between two populations, autapses and multapses included; `whole`: also drawn, and convolutions."""
    kinds = ["sparse", "sparse", "dense", "grid", "all", *(["one"] if pre == post else [])]
    kinds += ["probability", "indegree", "outdegree", "total", "convolution"] * whole
    kinds += ["without multapses", "distance"] * (whole and more)
    kind = draw(st.sampled_from(kinds))
    excitatory, inhibitory = between(0.1 * scale, scale), between(-scale, -0.1 * scale)
    weight = st.one_of(excitatory, excitatory, inhibitory)

    def weights(n):
        return np.array([draw(weight) for _ in range(n)], dtype)

    if kind == "sparse":
        pairs = draw(st.lists(st.tuples(st.integers(0, pre - 1), st.integers(0, post - 1)), max_size=12))
        given = draw(weight) if draw(st.booleans()) else weights(len(pairs))
        return Sparse([i for i, _ in pairs], [j for _, j in pairs], given)
    if kind == "one":
        return OneToOne(draw(weight) if draw(st.booleans()) else weights(pre))
    if kind == "all":
        return AllToAll(draw(weight))
    if kind in ("probability", "indegree", "outdegree", "total"):
        rule = {"indegree": FixedIndegree, "outdegree": FixedOutdegree, "total": FixedTotalNumber}
        given = draw(weight) if draw(st.booleans()) else Uniform(0.1 * scale, scale)
        if kind == "probability":
            return FixedProbability(draw(between(0.1, 0.9)), given, autapses=draw(st.booleans()))
        return rule[kind](draw(st.integers(0, 3)), given)
    if kind in ("without multapses", "distance"):
        drawn = draw(st.sampled_from([Uniform(0.1 * scale, scale), Normal(0.3 * scale, 0.4 * scale, high=2.0 * scale)]))
        given = draw(st.sampled_from([drawn, LogNormal.of_mean(-0.4 * scale, 0.3 * scale)]))
        if kind == "distance":
            return DistanceDependent(Gaussian(sd=2e-3, peak=0.8), given, autapses=draw(st.booleans()))
        flags = {"autapses": draw(st.booleans()), "multapses": False}
        # Without autapses, a neuron of a population onto itself has one partner less.
        rules = [(FixedIndegree, pre - 1), (FixedOutdegree, post - 1), (FixedTotalNumber, (pre - 1) * (post - 1))]
        rule, most = draw(st.sampled_from(rules))
        return rule(draw(st.integers(0, max(most, 0))), given, **flags)
    if kind == "convolution":
        return draw(convolutions(pre, post, weights))
    full = weights(pre * post).reshape(pre, post)
    return Dense(full) if kind == "dense" else Grid(full)


@st.composite
def convolutions(draw, pre, post, weights):
    """A convolution along a line of `pre` neurons that has `post` outputs."""
    channels = draw(st.sampled_from([c for c in range(1, post + 1) if post % c == 0]))
    width = post // channels
    padding = max(0, math.ceil((width - pre) / 2)) + draw(st.integers(0, 1))
    kernel = pre + 2 * padding + 1 - width
    return Convolution2d(weights(channels * kernel).reshape(channels, 1, 1, kernel), (1, 1, pre), padding=(0, padding))


@st.composite
def delays_of(draw, wiring, pre, post, delays, others=True, more=False):
    """One delay for all synapses of a projection, or one for each, some equal; `others`: not only `delays`.

    `more`: perhaps from a distribution, or by distance.
    """
    shape = (pre, post) if isinstance(wiring, Dense | Grid | AllToAll) else np.shape(getattr(wiring, "pre", [0] * pre))
    drawn = is_random(wiring) or isinstance(wiring, Convolution2d)
    if more and not isinstance(wiring, Convolution2d) and draw(st.integers(0, 3)) == 3:
        on_grid = Normal(2e-3, 1.5e-3, low=GRID, step=GRID)
        return draw(st.sampled_from([Uniform(0.2e-3, 9e-3), on_grid, Linear(offset=0.7e-3, per_metre=0.61)]))
    if draw(st.booleans()) or drawn:
        return draw(st.sampled_from(delays))
    own = st.one_of(st.sampled_from(delays), on(others, between(30e-6, 20e-3))) if others else st.sampled_from(delays)
    return np.array([draw(own) for _ in range(math.prod(shape))]).reshape(shape)


def strength(model, receptor):
    """The weight with which one input is about as strong as the distance to threshold, at this receptor."""
    tau = receptors(model)[receptor]
    if isinstance(model, LinearNeuron):
        return 1.0 if np.asarray(model.to_v)[receptor] else 3.0
    if tau is None:
        return 1.0
    return 1.0 / float(np.mean(tau)) if isinstance(model, IF) else 3.0


@st.composite
def rates(draw, size, most):
    """Of a drive: one for all neurons or one for each, constant, in steps, or on straight lines."""
    kind = draw(st.sampled_from(["constant", "each", "steps", "lines"]))
    if kind == "constant":
        return most
    if kind == "each":
        return np.array([draw(st.sampled_from([0.0, 1.0, draw(fractions())])) * most for _ in range(size)])
    times = np.cumsum([draw(between(0.0, 0.02)) for _ in range(draw(st.integers(1, 4)))])
    shape = (len(times), size) if draw(st.booleans()) else (len(times),)
    shares = np.array([draw(st.sampled_from([0.0, 1.0, draw(fractions())])) for _ in range(math.prod(shape))])
    return TimedRate(times, most * shares.reshape(shape), linear=kind == "lines")


@st.composite
def drives(draw, population, delays, duration):
    """A drive of a population, with any rate that brings few arrivals."""
    n = population.size
    receptor = draw(st.integers(0, len(receptors(population.model)) - 1))
    scale = strength(population.model, receptor)
    most = MOST_ARRIVALS / (duration * n)
    rate = draw(rates(n, most * draw(st.sampled_from([0.03, 0.3, 1.0]))))
    weight = draw(st.one_of(each(n, 0.1 * scale, scale), each(n, 0.1 * scale, scale), each(n, -scale, scale)))
    return PoissonInput(rate, weight, receptor=receptor, delay=draw(st.sampled_from([0.0, 0.0, *delays])))


def arrivals_of(network, duration):
    """By population, the arrivals of each of its drives with the seed 0."""
    keys, found = drive_keys(network, 0), {}
    drawn = DrawnDrives(network, keys)
    all_ = drawn.between(0.0, duration)
    for d, size, first in drawn.owner:
        name = list(network.populations)[int(drawn.records["group"][d])]
        if keys[d] in keys[:d]:
            # The same arrivals, at another of the currents that they add to.
            continue
        mine = all_.drive == d
        of_population = network.drives[name][len(found.setdefault(name, []))]
        neurons = all_.neuron[mine] - first
        weight = np.broadcast_to(of_population.weight, size)[neurons]
        arrived = Arrived(all_.time[mine], neurons, weight, of_population.receptor)
        found[name].append(arrived)
    return found


def on(step, times):
    """Times, or the nearest of a grid that are not zero, as people write them; `step` is a grid or True."""
    return times if step is True else times.map(lambda t: max(1, round(t / step)) * step)


@st.composite
def volleys(draw, size, duration, step=True):
    """Spikes of a source, some of them at one instant, perhaps of one neuron."""
    times = draw(st.lists(on(step, between(0.0, duration)), min_size=1, max_size=10))
    ids = [draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4)) for _ in times]
    return train((t, i) for t, volley in zip(times, ids, strict=True) for i in volley)


@st.composite
def steps(draw, size, duration, scale):
    """A current for all neurons, or one for each."""
    times = sorted(draw(st.lists(between(0.0, duration), min_size=1, max_size=4, unique=True)))
    if draw(st.booleans()):
        times[0] = 0.0
    shape = (len(times), size) if draw(st.booleans()) else (len(times),)
    values = [draw(between(-0.6 * scale, 1.2 * scale)) for _ in range(int(np.prod(shape)))]
    return Steps(np.array(times), np.array(values).reshape(shape))


@st.composite
def forced(draw, size, duration):
    """Some neurons that fire when they are told to."""
    neurons = draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=3, unique=True))
    told = draw(volleys(len(neurons), duration))
    pairs = sorted((t, neurons[i]) for t, i in zip(told.times, told.ids, strict=True))
    return Forced(told.times, np.array([i for _, i in pairs], np.int64), np.array(sorted(neurons)))


@st.composite
def small_networks(draw, *, instant=False, whole=False, more=False, own=0):
    """A network, a duration in which it has at most `MOST_SPIKES` spikes, and inputs.

    `instant`: with zero delays. `whole`: everything else that there is, too: Poisson sources, forced neurons, neurons
    that never spike, initial currents, drawn synapses and convolutions. `more`: drives, drawn delays, rules by distance
    or without multapses, and perhaps all spikes of sources, delays and refractory times on one decimal grid. `own`: of
    four populations, how many have equations of their own.
    """
    net = Network(seed=draw(st.integers(0, 3)))
    step = draw(st.sampled_from([True, True, GRID])) if more else True
    duration = draw(st.sampled_from([0.03, 0.08, 0.2, 2.0]))
    lags = on(step, st.one_of(between(0.4e-3, 6e-3), between(30e-6, 40e-3)))
    delays = draw(st.lists(lags, min_size=1, max_size=3))
    delays += [0.0] * instant
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32]))
    source = net.add(placed(Population("cue", draw(st.integers(1, 6)), SpikeSource()), more))
    inputs = {"cue": draw(volleys(source.size, duration, step))}
    if whole and draw(st.booleans()):
        noise = Population("noise", draw(st.integers(1, 3)), PoissonSource(draw(between(2.0, 90.0))))
        net.add(placed(noise, more))
        train_ = poisson(noise, 0, 0.0, duration)
        inputs["noise"] = Drawn(train_.times, train_.ids)
    for name in ["a", "b", "c"][: draw(st.integers(1, 3))]:
        size = draw(st.integers(1, 6))
        initial = draw(seldom(each(size, -0.7, 1.6), None))
        model = draw(models(size, delays, whole, own))
        start = {} if initial is None else {"v": initial}
        one = sum(tau is not None for tau in receptors(model)) == 1 and not isinstance(model, LinearNeuron)
        if whole and one and draw(st.integers(0, 3)) == 3:
            start["i"] = draw(each(size, -2.0, 5.0))
        population = net.add(placed(Population(name, size, model, start or None), more))
        current = draw(seldom(steps(size, duration, 50.0 if isinstance(model, IF) else 1.0), None))
        if current is not None:
            inputs[name] = current
        if whole and draw(st.integers(0, 5)) == 5:
            inputs[name] = [*([current] if current is not None else []), draw(forced(size, duration))]
        for _ in range(draw(st.sampled_from([0, 1, 1, 2])) if more else 0):
            net.drive(population, draw(drives(population, delays, duration)))
    everyone = list(net.populations.values())
    targets = [p for p in everyone if receptors(p.model)]
    wires = [(source, draw(st.sampled_from(targets)))]
    wires += draw(st.lists(st.tuples(st.sampled_from(everyone), st.sampled_from(targets)), max_size=4))
    for pre, post in wires:
        receptor = draw(st.integers(0, len(receptors(post.model)) - 1))
        scale = (2.5 if not receptors(pre.model) else 1.2) * strength(post.model, receptor)
        wiring = draw(synapses(pre.size, post.size, scale, dtype, whole, more))
        lag = draw(delays_of(wiring, pre.size, post.size, delays, step, more))
        net.connect(pre, post, wiring, delay=lag, receptor=receptor)
    for name, arrived in arrivals_of(net, duration).items() if net.drives else ():
        given_ = inputs.get(name, [])
        inputs[name] = [*(given_ if isinstance(given_, list) else [given_]), *arrived]
    try:
        simulate(net, duration, inputs, limit=MOST_SPIKES)
    except TooManySpikes as stop:
        duration = 0.99 * stop.time  # not on a spike
    assume(duration > 0)
    return net, duration, inputs


def placed(population, more):
    """A population whose neurons have places on a line, if `more`."""
    line = 1e-3 * np.arange(population.size)[:, None]
    return replace(population, positions=line) if more else population


DELAY = 2.0**-10
"""Seconds; a time between 8 ms and 16 s minus this plus this is the same time, to the last bit."""


def driven(volleys, model, initial=None):
    """One neuron that gets inputs (time, weight) or (time, weight, receptor) at exactly these times."""
    net = Network()
    source = net.add(Population("cue", len(volleys), SpikeSource()))
    cell = net.add(Population("cell", 1, model, initial))
    for i, (_, weight, *receptor) in enumerate(volleys):
        receptor = receptor[0] if receptor else 0
        net.connect(source, cell, Sparse([i], [0], weight), delay=DELAY, receptor=receptor)
    return net, {"cue": train((t - DELAY, i) for i, (t, *_) in enumerate(volleys))}


def max_of_psp(tau_m, tau_s):
    """The largest v of a neuron with these time constants after an input of weight 1."""
    at = tau_m * tau_s / (tau_m - tau_s) * math.log(tau_m / tau_s)
    return tau_s / (tau_s - tau_m) * (math.exp(-at / tau_s) - math.exp(-at / tau_m))


def readable(network, duration, inputs):
    """A network as text that shows what hypothesis found."""
    lines = [f"duration = {duration!r}"]
    for p in network.populations.values():
        lines.append(f"{p.name}: {p.size} x {p.model!r}, initial {p.initial!r}")
    for p in network.projections.values():
        lines.append(f"{p.name}: {p.synapses!r}, delay {p.delay!r}, receptor {p.receptor}")
    for name, driven_by in network.drives.items():
        lines += [f"{name} <- {d!r}: {d.rate!r}, {d.weight!r}, delay {d.delay!r}" for d in driven_by]
    return "\n".join([*lines, *(f"{name} <- {given!r}" for name, given in inputs.items())])
