"""Neurons whose v is a straight line between inputs, and trials that are nudged by what they counted."""

import numpy as np
import pytest

import neuro as nr
from neuro.errors import InputError, NetworkError, ParameterError, UnknownName, UnsupportedFeature

MS = 1e-3
LIMITS = [{}, {"v_min": -0.5}, {"v_max": 1.0}, {"v_max": 1.4}, {"v_min": -0.3, "v_max": 1.2}]


def pair(seed, limits, *, odd, dead=None, most=(20, 9)):
    """Two populations that drive each other; with `odd`, one more neuron with parameters of its own in each.

    Then each neuron has parameters of its own, and the engine takes its way for any neuron.
    """
    rng = np.random.default_rng(seed)
    sizes, weights = (int(rng.integers(2, most[0])), int(rng.integers(1, most[1]))), {}
    times = (0.0, 0.3 * MS, 0.7 * MS, 1.9 * MS)[: 4 if most[0] > 20 else 3]
    reset, drawn = ("subtract", "to_value")[rng.integers(2)], times[rng.integers(len(times))]
    dead = drawn if dead is None else dead
    rough = bool(rng.integers(2))
    start = [rng.uniform(0.0, 0.9, size) for size in sizes]
    bias = rng.normal(0.0, 300.0, 2)
    matrix = rng.normal(0.0, 0.35, sizes)
    weights["up"] = np.round(4 * matrix) / 4 if rough else matrix
    weights["down"] = weights["up"].T
    net = nr.Network()
    for name, v, push in zip(("a", "b"), start, bias, strict=True):
        # The last one is silent, and its refractory time alone differs.
        own = {"refractory": np.append(np.full(len(v), dead), 1.7 * MS), "bias": np.append(np.full(len(v), push), 0.0)}
        model = nr.IF(v_th=1.0, reset=reset, **limits, **(own if odd else {"refractory": dead, "bias": push}))
        net.add(nr.Population(name, len(v) + odd, model, {"v": np.append(v, [0.0] * odd)}))
    for name, (pre, post) in {"up": "ab", "down": "ba"}.items():
        full = np.zeros((net.populations[pre].size, net.populations[post].size))
        full[: weights[name].shape[0], : weights[name].shape[1]] = weights[name]
        net.connect(pre, post, nr.Dense(full), delay=(0.5 if name == "up" else 1.1) * MS, name=name)
    currents = rng.normal(0.0, 400.0, (3, sizes[0]))
    steps = np.sort(rng.uniform(0.0, 0.03, 3))
    if odd:
        currents = np.column_stack([currents, np.zeros(3)])
    return net, sizes, {"a": nr.Current(steps, currents)}


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("seed", range(8))
def test_a_line_gives_the_bits_of_the_way_for_any_neuron(seed, limits):
    found = []
    for odd in (0, 1):
        net, sizes, inputs = pair(seed, limits, odd=odd)
        sampled = {name: list(range(size)) for name, size in zip("ab", sizes, strict=True)}
        try:
            run = nr.run(net, 0.03, inputs=inputs, record=nr.Record(v=sampled, v_dt=0.37 * MS))
        except NetworkError as error:  # without a refractory time, some run away
            found.append(error.where)
            continue
        spikes = [
            (each.times[each.ids < size].tobytes(), each.ids[each.ids < size].tobytes())
            for each, size in zip((run.spikes["a"], run.spikes["b"]), sizes, strict=True)
        ]
        found.append((spikes, run.v["a"].tobytes(), run.v["b"].tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("seed", range(16))
def test_whole_rows_give_lines_the_bits_of_the_way_for_any_neuron(seed, limits):
    """Without samples, eight neurons go through the arrivals of a window at a time."""
    found = []
    for odd, threads in ((0, 1), (0, 2), (1, 1)):
        net, sizes, inputs = pair(seed, limits, odd=odd, most=(60, 40))
        try:
            run = nr.run(net, 0.03, inputs=inputs, threads=threads)
            sampled = {name: list(range(size)) for name, size in zip("ab", sizes, strict=True)}
            later = nr.run(net, 2 * MS, state=run.state, record=nr.Record(v=sampled, v_dt=0.37 * MS))
        except NetworkError as error:  # without a refractory time, some run away
            found.append(error.where)
            continue
        spikes = [
            (each.times[each.ids < size].tobytes(), each.ids[each.ids < size].tobytes())
            for each, size in zip((run.spikes["a"], run.spikes["b"]), sizes, strict=True)
        ]
        found.append((spikes, later.v["a"].tobytes(), later.v["b"].tobytes()))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("push", [-200.0, 0.0, 250.0])
@pytest.mark.parametrize("seed", range(6))
def test_lines_keep_their_bits_where_single_synapses_and_silence_come_between(seed, push):
    """In some windows eight neurons go through at a time, in others each by itself; some windows are skipped."""
    found = []
    for odd in (0, 1):
        net, sizes, inputs = pair(seed, {"v_min": -0.5, "v_max": 1.4}, odd=odd, dead=0.3 * MS, most=(60, 40))
        net.add(nr.Population("cue", 2, nr.SpikeSource()))
        net.connect("cue", "a", nr.Sparse([0, 0, 1], [0, 1, 1], [0.7, 0.9, 1.3]), delay=0.6 * MS)
        steps = np.array([0.0, 8 * MS, 13 * MS])
        drive = np.array([250.0, push, push])[:, None] * np.linspace(-0.5, 1.0, sizes[0])
        drive = np.column_stack([drive, np.zeros((3, odd))])
        down = nr.Current(steps, np.array([-300.0, -300.0, push])[:, None] * np.append(np.ones(sizes[1]), [0.0] * odd))
        times = np.array([5.0, 11.0, 11.2, 17.0, 24.0]) * MS
        inputs = {"a": nr.Current(steps, drive), "b": down, "cue": nr.Spikes(times, [0, 1, 0, 1, 0])}
        run = nr.run(net, 0.03, inputs=inputs)
        later = nr.run(net, 2 * MS, state=run.state, record=nr.Record(v={"a": list(range(sizes[0]))}, v_dt=0.37 * MS))
        spikes = [
            (each.times[each.ids < size].tobytes(), each.ids[each.ids < size].tobytes())
            for each, size in zip((run.spikes["a"], run.spikes["b"]), sizes, strict=True)
        ]
        found.append((spikes, later.v["a"].tobytes(), len(run.spikes["a"]) > 0))
    assert found[0] == found[1]
    assert found[0][2]


def counted(spikes, size, begin, end, shape):
    x = (spikes.times - begin) / (end - begin)
    share = 2.0 * (1.0 - np.abs(2.0 * x - 1.0)) if shape == "triangle" else np.ones(len(x))
    return np.bincount(spikes.ids, np.where((x >= 0.0) & (x < 1.0), share, 0.0), minlength=size)


@pytest.mark.parametrize("shape", ["flat", "triangle"])
@pytest.mark.parametrize("seed", range(3))
def test_a_nudge_is_the_current_that_the_counts_of_the_run_before_ask_for(seed, shape):
    net, sizes, _ = pair(seed, LIMITS[1], odd=0, dead=0.3 * MS)
    rng = np.random.default_rng(seed)
    drive, push = rng.normal(0.0, 300.0, (4, sizes[0])), rng.normal(0.0, 50.0, sizes[1])
    target = rng.uniform(0.0, 9.0, sizes[1])
    ask = nr.Counts(window=[(5 * MS, 18 * MS), (0.0, 1.0)], shape=(shape, "flat"))
    inputs = [{"a": nr.Current([0.0], row[None]), "b": nr.Current([0.0], push[None])} for row in drive]
    trials = [
        {
            "inputs": each,
            "then": [{"inputs": each, "duration": 12 * MS, "nudge": nr.Nudge("b", target, s)} for s in (30.0, -30.0)],
        }
        for each in inputs
    ]
    for given, (free, *nudged) in zip(inputs, nr.run_trials(net, 18 * MS, trials, record=ask), strict=True):
        before = nr.run(net, 18 * MS, inputs=given)
        expected = counted(before.spikes["b"], sizes[1], 5 * MS, 18 * MS, shape)
        assert free["b"][0] == pytest.approx(expected, rel=1e-12, abs=1e-12)
        for strength, found in zip((30.0, -30.0), nudged, strict=True):
            current = push + strength * (target - free["b"][0])
            after = nr.run(net, 12 * MS, inputs={**given, "b": nr.Current([0.0], current[None])}, state=before.state)
            for name, size in zip("ab", sizes, strict=True):
                assert found[name][1].tolist() == after.spikes[name].counts(size).tolist()


def test_a_nudge_that_cannot_be_is_refused():
    net, sizes, _ = pair(0, {}, odd=0)
    nudge = nr.Nudge("b", np.zeros(sizes[1]), 1.0)

    def result(then, record=None):
        ask = nr.Counts() if record is None else record
        return list(nr.run_trials(net, MS, [{"then": [then]}], record=ask))

    with pytest.raises(UnsupportedFeature, match="needs counts"):
        result({"nudge": nudge}, nr.Record())
    with pytest.raises(UnsupportedFeature, match="no run goes on"):
        result({"nudge": nudge, "then": [{}]})
    with pytest.raises(UnknownName, match="nobody"):
        result({"nudge": nr.Nudge("nobody", [0.0], 1.0)})
    with pytest.raises(InputError, match="one target for each"):
        result({"nudge": nr.Nudge("b", np.zeros(77), 1.0)})
    with pytest.raises(UnsupportedFeature, match="must be constant"):
        result({"nudge": nudge, "inputs": {"b": nr.Current([0.0, 0.5e-3], [1.0, 2.0])}})
    with pytest.raises(InputError, match="a Nudge"):
        result({"nudge": 3.0})
    with pytest.raises(ParameterError, match="a triangle needs a length"):
        nr.Counts(shape="triangle")
