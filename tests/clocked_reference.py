"""The clocked engine's reference: every neuron in every step, in plain Python, and networks to compare on."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.drive.poisson import poisson
from neuro.network.neurons import Source, receptors
from neuro.network.synapses import AllToAll, Dense, Sparse
from tests.oracle import listed
from tests.strategies import between, delays_of, each, seldom, synapses, time_constants

DT = 1e-3


def lists(projection, seed):
    """(target, weight) of each synapse, by steps of delay and then by source neuron."""
    synapses = listed(projection, seed)
    delays = np.broadcast_to(np.ravel(projection.delay), len(synapses)).tolist()
    rows = {}
    for (i, j, w), delay in zip(synapses, delays, strict=True):
        rows.setdefault(round(delay / DT), [[] for _ in range(projection.pre.size)])[i].append((j, w))
    return sorted(rows.items())


def boxes_of(model):
    """Where the inputs of each receptor are summed: all that make v jump are one sum, in the order of projections."""
    jumps = [tau is None for tau in receptors(model)]
    return [jumps.index(True) if jump else k for k, jump in enumerate(jumps)]


def walk(network, steps, inputs, cells, seed=0):
    """Spikes (step, neuron) of each population, its v after each step, and events of each projection.

    `cells[name]` are objects with `step(inputs by receptor, t) -> does it spike?` and `v`.
    """
    spikes = {name: [] for name in network.populations}
    volts = {name: [] for name in cells}
    events = dict.fromkeys(network.projections, 0)
    rows = {name: lists(p, network.seed) for name, p in network.projections.items()}
    for name, p in network.populations.items():
        if isinstance(p.model, nr.PoissonSource):
            inputs = {**inputs, name: poisson(p, seed, 0.0, (steps + 1) * DT)}
    for name, given in inputs.items():
        if hasattr(given, "ids"):
            stepped = np.floor(given.times / DT + 1e-6).astype(int)
            spikes[name] = sorted((int(t), int(i)) for t, i in zip(stepped, given.ids, strict=True) if t < steps)
    boxes = {n: boxes_of(network.populations[n].model) for n in cells}
    for t in range(steps):
        sums = {n: [[0] * len(boxes[n]) for _ in c] for n, c in cells.items()}
        for name, p in network.projections.items():
            for lag, row in rows[name]:
                sent = t - lag + (p.pre.name not in cells)
                for i in (i for s, i in spikes[p.pre.name] if s == sent):
                    for j, w in row[i]:
                        sums[p.post.name][j][boxes[p.post.name][p.receptor]] += w
                        events[name] += 1
        for name, group in cells.items():
            spikes[name] += [(t, j) for j, cell in enumerate(group) if cell.step(sums[name][j], t)]
            volts[name].append([cell.v for cell in group])
    return spikes, volts, events


class EulerCell:
    """Forward Euler of `LIF`, `IF`, `AHP` and `ALIF`."""

    def __init__(self, population, j, current):
        model = self.model = population.model

        def number(value):
            return np.broadcast_to(np.asarray(value, float), population.size)[j].item()

        def numbers(value):
            return [None if x is None else number(x) for x in (value if isinstance(value, tuple) else (value,))]

        self.leaky = isinstance(model, nr.LIF)
        self.rest = number(model.v_rest) if self.leaky else 0.0
        self.gain = DT / number(model.tau_m) if self.leaky else DT
        self.v_th = np.inf if model.v_th is None else number(model.v_th)
        self.v_reset, self.bias = number(model.v_reset), number(model.bias)
        self.low = -np.inf if model.v_min is None else number(model.v_min)
        self.high = np.inf if model.v_max is None else number(model.v_max)
        self.pause = round(number(model.refractory) / DT)
        self.taus = numbers(model.tau_syn)
        self.currents = [0.0 for _ in self.taus]
        slow = getattr(model, "tau_ahp", getattr(model, "tau_adapt", ()))
        self.slow_taus = numbers(slow) if np.size(slow) or isinstance(slow, tuple) else []
        self.slow_taus = [] if isinstance(slow, tuple) and not slow else self.slow_taus
        self.jumps = numbers(model.jump) if self.slow_taus else []
        self.slow = [0.0 for _ in self.slow_taus]
        self.current = current
        initial = population.initial or {}
        self.v = number(initial.get("v", self.rest))
        if "i" in initial:
            self.currents[[tau is not None for tau in self.taus].index(True)] = number(initial["i"])
        self.held = 0

    def step(self, sums, t):
        total, raised, kick = self.rest + self.bias + self.given(t), self.v_th, 0.0
        for k, tau in enumerate(self.taus):
            if tau is None:
                kick += sums[k]
            else:
                self.currents[k] = self.currents[k] * (1.0 - DT / tau) + sums[k]
                total += self.currents[k]
        self.slow = [x * (1.0 - DT / tau) for x, tau in zip(self.slow, self.slow_taus, strict=True)]
        for x in self.slow:
            if isinstance(self.model, nr.AHP):
                total -= x
            else:
                raised += x
        if self.held > 1:
            self.held -= 1
            return False
        # At the end of the refractory time, inputs onto v count, but not yet the drive.
        ending, self.held = self.held == 1, 0
        drive = 0.0 if ending else (total - self.v if self.leaky else total) * self.gain
        v = self.v + drive + kick
        self.v = min(max(v, self.low), self.high)
        if self.v <= raised:
            return False
        self.v = self.v - self.v_th if self.model.reset == "subtract" else self.v_reset
        self.v = min(max(self.v, self.low), self.high)
        self.slow = [x + jump for x, jump in zip(self.slow, self.jumps, strict=True)]
        self.held = self.pause
        return True

    def given(self, t):
        """The value of the stepwise current in step t."""
        return next((value for begin, value in reversed(self.current) if begin <= t), 0.0)


class MatrixCell:
    """Forward Euler of `LinearNeuron`, as its equations are written: u <- u + dt A u, then inputs, then v."""

    def __init__(self, population, j):
        model = self.model = population.model

        def number(value):
            return np.broadcast_to(np.asarray(value, float), population.size)[j].item()

        self.constant, self.gain = number(model.v_rest) + number(model.bias), DT / number(model.tau_m)
        self.v_th, self.v_reset = number(model.v_th), number(model.v_reset)
        self.pause, self.held = round(number(model.refractory) / DT), 0
        self.v, self.u = number((population.initial or {}).get("v", model.v_rest)), np.zeros(len(model.matrix))

    def step(self, sums, t):
        model = self.model
        self.u = self.u + DT * model.matrix @ self.u + model.inputs @ np.array(sums, float)
        if self.held > 1:
            self.held -= 1
            return False
        ending, self.held = self.held == 1, 0
        drive = 0.0 if ending else (self.constant + model.readout @ self.u - self.v) * self.gain
        self.v = float(self.v + drive + np.dot(model.to_v, sums))
        if self.v <= self.v_th:
            return False
        self.v, self.held = self.v - self.v_th if model.reset == "subtract" else self.v_reset, self.pause
        self.u = self.u + model.jump
        return True


class WholeCell:
    """The equations of `LoihiLIF` and `LoihiAHP`, in Python's integers."""

    def __init__(self, population, j):
        def number(key, default):
            value = getattr(population.model, key, None)
            return default if value is None else int(np.broadcast_to(value, population.size)[j])

        self.d_v, self.d_a, self.d_u = number("d_v", 0), number("d_a", 0), number("d_u", 4096)
        self.v_th, self.e = number("v_th", 2**60), number("e", 0)
        self.jump = number("w_a", 0) * 2 ** (6 + number("e_a", 0))
        self.bias = number("bias", 0) * 2 ** number("e_bias", 0)
        self.refractory, self.bounded = number("refractory", 1), population.model.bounded
        self.v = int(np.broadcast_to((population.initial or {}).get("v", 0), population.size)[j])
        self.a, self.u, self.z, self.since = 0, 0, False, 64

    def step(self, sums, t):
        self.u = truncated(self.u * (4096 - self.d_u)) + 2 ** (6 + self.e) * int(sums[0])
        self.a = truncated(self.a * (4096 - self.d_a)) - self.jump * self.z
        self.since, self.z = self.since + 1, False
        if self.bounded:
            while not -(2**23) < self.u <= 2**23:
                self.u -= 2**24 if self.u > 0 else -(2**24)
            self.a = clipped(self.a)
        if self.since < self.refractory:
            return False
        self.v = truncated(self.v * (4096 - self.d_v)) + self.u + self.bias + self.a
        self.v = clipped(self.v) if self.bounded else self.v
        self.z = self.v > self.v_th * 2**6
        if self.z:
            self.v, self.since = 0, 0
        return self.z


def clipped(number):
    return max(-(2**23 - 1), min(2**23 - 1, number))


def truncated(product):
    return product // 4096 if product >= 0 else -(-product // 4096)


def euler(network, steps, inputs):
    """`walk` of real neurons; a stepwise current acts from the step in which it begins."""
    cells = {}
    for name, p in network.populations.items():
        if isinstance(p.model, nr.LIF | nr.IF):
            given = inputs.get(name)
            values = (
                []
                if given is None
                else np.broadcast_to(given.values.reshape(len(given.times), -1), (len(given.times), p.size))
            )
            begins = [] if given is None else np.floor(given.times / DT + 1e-6).astype(int)
            cells[name] = [
                EulerCell(p, j, [(b, v[j].item()) for b, v in zip(begins, values, strict=True)]) for j in range(p.size)
            ]
    return walk(network, steps, inputs, cells)


def whole(network, steps, inputs):
    """`walk` of whole-number neurons."""
    cells = {
        name: [WholeCell(p, j) for j in range(p.size)]
        for name, p in network.populations.items()
        if not isinstance(p.model, Source)
    }
    return walk(network, steps, inputs, cells)


@st.composite
def volleys(draw, size, steps):
    """Spikes of a source, anywhere in their steps, perhaps several in one."""
    spikes = st.tuples(between(0.0, steps * DT), st.integers(0, size - 1))
    on_grid = st.tuples(st.integers(0, steps - 1).map(lambda k: k * DT), st.integers(0, size - 1))
    pairs = draw(st.lists(st.one_of(spikes, on_grid), max_size=30))
    return nr.Spikes([t for t, _ in pairs], np.array([i for _, i in pairs], int))


@st.composite
def real_models(draw, size):
    """Any model that the exact engine has."""
    v_th = draw(seldom(st.none(), draw(each(size, 0.6, 1.4))))
    kind = draw(st.sampled_from([nr.LIF, nr.LIF, nr.IF, nr.AHP, nr.ALIF]))
    tau_m = None if kind is nr.IF else draw(each(size, 1.5e-3, 20e-3))
    taus = [
        tau if tau is None else np.maximum(tau, DT)
        for tau in draw(st.lists(time_constants(size, tau_m), min_size=1, max_size=3))
    ]
    fields = {
        "v_th": v_th,
        "tau_syn": tuple(taus) if len(taus) > 1 else taus[0],
        "v_reset": draw(seldom(each(size, -0.3, 0.3), 0.0)),
        "reset": draw(st.sampled_from(["to_value", "to_value", "subtract"])),
        "refractory": draw(st.sampled_from([0.0, 0.0, DT, 3 * DT])),
        "v_min": draw(seldom(each(size, -0.6, -0.31), None)),
        "v_max": draw(seldom(each(size, 1.4, 1.6), None)),
        "bias": draw(st.one_of(st.just(0.0), each(size, -0.5, 2.0))),
    }
    if kind is nr.IF:
        return nr.IF(**fields)
    fields["v_rest"] = draw(seldom(each(size, -0.2, 0.2), 0.0))
    if kind is nr.LIF:
        return nr.LIF(tau_m=tau_m, **fields)
    slow = "tau_ahp" if kind is nr.AHP else "tau_adapt"
    return kind(tau_m=tau_m, jump=draw(each(size, 0.02, 0.6)), **{slow: draw(each(size, 5e-3, 90e-3))}, **fields)


@st.composite
def whole_models(draw, size):
    """Whole-number neurons, with decays from none to all at once; some reach the bounds of the chip."""

    def numbers(low, high):
        one = st.integers(low, high)
        return draw(one if draw(st.booleans()) else st.lists(one, min_size=size, max_size=size).map(np.array))

    fields = {"d_v": numbers(0, 4096), "v_th": draw(seldom(st.none(), numbers(0, 300))), "e": numbers(-6, 3)}
    if draw(st.booleans()):
        fields |= {"d_u": numbers(0, 4096), "bias": numbers(-4096, 4095), "e_bias": numbers(0, 7)}
        fields |= {"refractory": numbers(1, 64), "bounded": draw(st.booleans()), "e": numbers(-6, 7)}
        if draw(st.booleans()):
            fields |= {"refractory": numbers(1, 5), "v_th": numbers(0, 131071)}
    if draw(st.booleans()):
        return nr.LoihiLIF(**fields)
    return nr.LoihiAHP(**fields, d_a=numbers(0, 4096), w_a=numbers(-20, 100), e_a=numbers(-6, 2))


@st.composite
def whole_synapses(draw, pre, post):
    """Lists and matrices of whole weights, some full enough to be stored as matrices, some with multapses."""
    weight = st.integers(-255, 255)
    kind = draw(st.sampled_from(["sparse", "dense", "all", "half"]))
    if kind == "all":
        return AllToAll(draw(weight))
    if kind == "sparse":
        pairs = draw(st.lists(st.tuples(st.integers(0, pre - 1), st.integers(0, post - 1)), max_size=10))
        return Sparse([i for i, _ in pairs], [j for _, j in pairs], np.array([draw(weight) for _ in pairs], float))
    full = np.array([draw(weight) for _ in range(pre * post)], float).reshape(pre, post)
    if kind == "dense":
        return Dense(full)
    i, j = np.nonzero(full > 0)
    return Sparse(i, j, full[i, j])


@st.composite
def stepped_networks(draw, whole_numbers=False):
    """A network, a number of steps, and inputs; sources anywhere in the order of populations."""
    net, steps, inputs = nr.Network(), draw(st.sampled_from([1, 20, 60])), {}
    noise = ["noise"] * draw(st.integers(0, 1))
    names = draw(st.permutations(["cue", "a", "b", *noise]))
    for name in names:
        size = draw(st.integers(1, 6))
        if name == "cue":
            net.add(nr.Population(name, size, nr.SpikeSource()))
            inputs[name] = draw(volleys(size, steps))
            continue
        if name == "noise":
            net.add(nr.Population(name, size, nr.PoissonSource(draw(between(1.0, 2.0 / DT)))))
            continue
        model = draw(whole_models(size) if whole_numbers else real_models(size))
        start = draw(st.integers(-5000, 5000)) if whole_numbers else draw(each(size, -0.3, 1.6))
        initial = {"v": start} if draw(st.booleans()) else {}
        if sum(tau is not None for tau in receptors(model)) == 1 and draw(st.booleans()):
            initial["i"] = draw(each(size, -1.0, 1.0))
        net.add(nr.Population(name, size, model, initial))
        if not whole_numbers and draw(st.integers(0, 3)) == 0:
            times = draw(st.lists(st.integers(0, steps), min_size=1, max_size=3, unique=True).map(sorted))
            inputs[name] = nr.Current(np.array(times) * DT, [draw(between(-1.0, 2.0)) for _ in times])
    pairs = st.tuples(st.sampled_from(["cue", "cue", "a", "b", *noise]), st.sampled_from(["a", "b"]))
    delays = [k * DT for k in range(1, 5)]
    for pre, post in draw(st.lists(pairs, min_size=1, max_size=5)):
        p, q = net.populations[pre], net.populations[post]
        receptor = draw(st.integers(0, len(receptors(q.model)) - 1))
        made = draw(
            whole_synapses(p.size, q.size) if whole_numbers else synapses(p.size, q.size, 1.0, np.float64, True)
        )
        net.connect(p, q, made, delay=draw(delays_of(made, p.size, q.size, delays, others=False)), receptor=receptor)
    return net, steps, inputs
