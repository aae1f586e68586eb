"""Every argument of the network, the run and the rules: a value of a wrong kind is refused by its name."""

from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NeuroError, ParameterError, UnitWarning
from neuro.learning.memory import AssociativeMemory
from neuro.validation import LARGEST, SHORTEST, SMALLEST, choice, finite, number, positive, seconds, whole_number


class Broken:
    """An object that answers nothing."""

    def __repr__(self):
        raise RuntimeError("no text")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array")


NOT_NUMBERS = {
    "None": None,
    "True": True,
    "text": "x",
    "number in text": "1.5",
    "bytes": b"1",
    "complex": 1j,
    "nan": float("nan"),
    "masked": np.ma.masked_array([1.0, 2.0], [False, True]),
    "date": np.datetime64("2020-01-01"),
    "NaT": np.timedelta64("NaT"),
    "ragged": [[1], [2, 3]],
    "booleans": np.array([True, False]),
    "a boolean among numbers": [1.0, True],
    "None among numbers": [1.0, None],
    "texts": ["a", "b"],
    "objects": np.array([1.0, 2.0], object),
    "complex array": np.array([1j, 2]),
    "dictionary": {"cell": 5},
    "set": {1, 2},
    "object": object(),
    "broken": Broken(),
    "type": int,
    "function": len,
    "too large": 10**400,
    "beyond products": 1e308,
}
NOT_ONE = {"array": np.array([1.0, 2.0]), "empty": [], "matrix": np.ones((1, 1))}
"""Numbers, but not one number."""
LIF = {"tau_m": 20e-3, "v_th": 1.0}
LINEAR = {**LIF, "matrix": [[-100.0, 0.0], [50.0, -90.0]], "readout": [0.0, 1.0], "inputs": [1.0, 0.0]}


def network():
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(**LIF)))
    net.connect("cue", "cell", nr.AllToAll(2.0), delay=1e-3, name="link")
    return net


def run(**given):
    return nr.run(network(), **{"duration": 0.0} | given)


def connect(**given):
    about = {"pre": "cue", "post": "cell", "synapses": nr.AllToAll(1.0), "delay": 1e-3} | given
    return network().connect(about.pop("pre"), about.pop("post"), about.pop("synapses"), **about)


STDP = {"a_plus": 0.1, "a_minus": 0.1, "tau_plus": 0.02, "tau_minus": 0.02}
LOCAL = {"rate": 0.1, "beta": 0.5, "tau_fast": 0.02, "tau_slow": 2.0, "full": 100.0, "window": 0.2}
MEMORY = {"size": 4}
LOIHI = {"d_v": 204, "v_th": 127, "d_a": 5, "w_a": 96}
CONV = {"weight": np.ones((1, 1, 2, 2)), "input_shape": (1, 4, 4)}
CLAMP = {"population": "cell", "kind": "hard", "strength": 100.0}


def toward(**given):
    return nr.Clamp("cell", "current", 1.0).toward(**{"target": [1.0], "start": 0, "stop": 1, "trace": [0.5]} | given)


SCALARS = {
    "run.duration": lambda bad: run(duration=bad),
    "run.max_rate": lambda bad: run(max_rate=bad) if bad is not None else whole_number(bad, "max_rate"),
    "run.dt": lambda bad: run(engine="clocked", dt=bad),
    "run_batch.duration": lambda bad: nr.run_batch(network(), bad, [{}], dt=1e-3),
    "AllToAll.weight": nr.AllToAll,
    "FixedProbability.p": lambda bad: nr.FixedProbability(bad, 1.0),
    "FixedProbability.weight": lambda bad: nr.FixedProbability(0.5, bad),
    "FixedIndegree.weight": lambda bad: nr.FixedIndegree(1, bad),
    "Record.v_dt": lambda bad: nr.Record(v={"cell": [0]}, v_dt=bad) if bad is not None else number(bad, "v_dt"),
    "Clamp.strength": lambda bad: nr.Clamp(**CLAMP | {"strength": bad}),
    "Clamp.toward.start": lambda bad: toward(start=bad),
    "Clamp.toward.stop": lambda bad: toward(stop=bad),
    "Contrastive.rate": lambda bad: nr.Contrastive(rate=bad),
    "Centred.beta": lambda bad: nr.Centred(rate=0.1, beta=bad),
    **{f"STDP.{key}": lambda bad, key=key: nr.STDP(**STDP | {key: bad}) for key in STDP},
    **{f"EventLocal.{key}": lambda bad, key=key: nr.EventLocal(**LOCAL | {key: bad}) for key in LOCAL},
    "AssociativeMemory.tau": lambda bad: AssociativeMemory(size=4, tau=bad),
    "AssociativeMemory.gain": lambda bad: AssociativeMemory(size=4, gain=bad),
    "Recording.start": lambda bad: recording(start=bad),
    "Recording.stop": lambda bad: recording(stop=bad),
}
ARRAYS = {
    "LIF.tau_m": lambda bad: nr.LIF(**LIF | {"tau_m": bad}),
    "LIF.v_reset": lambda bad: nr.LIF(**LIF, v_reset=bad),
    "LIF.v_rest": lambda bad: nr.LIF(**LIF, v_rest=bad),
    "LIF.bias": lambda bad: nr.LIF(**LIF, bias=bad),
    "LIF.refractory": lambda bad: nr.LIF(**LIF, refractory=bad),
    "LIF.tau_syn": lambda bad: nr.LIF(**LIF, tau_syn=(5e-3, bad if bad is not None else "None")),
    "AHP.tau_ahp": lambda bad: nr.AHP(**LIF, tau_ahp=bad, jump=0.1),
    "AHP.jump": lambda bad: nr.AHP(**LIF, tau_ahp=0.1, jump=bad),
    "ALIF.tau_adapt": lambda bad: nr.ALIF(**LIF, tau_adapt=bad, jump=0.1),
    "LinearNeuron.tau_m": lambda bad: nr.LinearNeuron(**LINEAR | {"tau_m": bad}),
    "LinearNeuron.jump": lambda bad: nr.LinearNeuron(**LINEAR, jump=bad),
    "PoissonSource.rate": nr.PoissonSource,
    **{
        f"LoihiAHP.{key}": lambda bad, key=key: nr.LoihiAHP(**LOIHI | {key: bad})
        for key in ("d_v", "d_a", "w_a", "e", "e_a")
    },
    "initial v": lambda bad: nr.Population("cell", 2, nr.LIF(**LIF), initial={"v": bad}),
    "connect.delay": lambda bad: connect(delay=bad),
    "Dense.weight": nr.Dense,
    "Sparse.pre": lambda bad: nr.Sparse(bad, [0, 1], 1.0),
    "Sparse.weight": lambda bad: build(nr.Sparse([0, 1], [0, 1], bad)),
    "OneToOne.weight": lambda bad: build(nr.OneToOne(bad)),
    "Convolution2d.weight": lambda bad: nr.Convolution2d(**CONV | {"weight": bad}),
    "Convolution2d.stride": lambda bad: nr.Convolution2d(**CONV, stride=bad),
    "Convolution2d.input_shape": lambda bad: nr.Convolution2d(**CONV | {"input_shape": bad}),
    "Spikes.times": lambda bad: nr.Spikes(bad, [0, 1]),
    "Spikes.ids": lambda bad: nr.Spikes([0.1, 0.2], bad),
    "Current.times": lambda bad: nr.Current(bad, [1.0, 2.0]),
    "Current.values": lambda bad: nr.Current([0.1, 0.2], bad),
    "Record.v": lambda bad: nr.Record(v={"cell": bad}),
    "with_bias": lambda bad: PROGRAM.with_bias({"cell": bad}),
    "with_weights": lambda bad: PROGRAM.with_weights({"link": bad}),
    "Clamp.toward.target": lambda bad: toward(target=bad),
    "Clamp.toward.trace": lambda bad: toward(trace=bad),
    "Contrastive.change": lambda bad: nr.Contrastive(rate=0.1).change(bad, bad),
}
WHOLE = {
    "Population.size": lambda bad: nr.Population("cell", bad, nr.LIF(**LIF)),
    "Network.seed": lambda bad: nr.Network(seed=bad),
    "run.seed": lambda bad: run(seed=whole_number(bad, "seed") if bad is None else bad),
    "run.threads": lambda bad: run(threads=bad),
    "run_batch.seed": lambda bad: nr.run_batch(network(), 0.0, [], dt=1e-3, seed="None" if bad is None else bad),
    "connect.receptor": lambda bad: connect(receptor=bad),
    "FixedIndegree.k": lambda bad: nr.FixedIndegree(bad, 1.0),
    "Convolution2d.groups": lambda bad: nr.Convolution2d(**CONV, groups=bad),
    "STDP.max_levels": lambda bad: nr.STDP(**STDP, max_levels=bad),
    "Spikes.counts": lambda bad: nr.Spikes([0.1], [0]).counts(bad),
    "AssociativeMemory.size": lambda bad: AssociativeMemory(size=bad),
}
THINGS = {
    "Population.name": lambda bad: nr.Population(bad, 1, nr.LIF(**LIF)),
    "Population.model": lambda bad: nr.Population("cell", 1, bad),
    "Population.initial": lambda bad: nr.Population("cell", 1, nr.LIF(**LIF), initial={} if bad is None else bad),
    "Network.populations": lambda bad: nr.Network(populations=bad),
    "Network.add": lambda bad: network().add(bad),
    "connect.pre": lambda bad: connect(pre=bad),
    "connect.synapses": lambda bad: connect(synapses=bad),
    "connect.name": lambda bad: connect(name="" if bad is None else bad),
    "LIF.reset": lambda bad: nr.LIF(**LIF, reset=bad),
    "Record.v": lambda bad: nr.Record(v=[] if bad is None else bad),
    "Record.spikes": lambda bad: nr.Record(spikes=bad),
    "Record.to": lambda bad: nr.Record(to=5 if bad is None else bad),
    "run.network": lambda bad: nr.run(bad, 0.0),
    "run.engine": lambda bad: run(engine=bad),
    "run.inputs": lambda bad: run(inputs=[] if bad is None else bad),
    "run.inputs of a population": lambda bad: run(inputs={"cue": bad}),
    "run.record": lambda bad: run(record=5 if bad is None else bad),
    "run.clamp": lambda bad: run(clamp=5 if bad is None else bad),
    "run.state": lambda bad: run(state=5 if bad is None else bad),
    "run.plasticity": lambda bad: run(plasticity=[] if bad is None else bad),
    "run.plasticity of a projection": lambda bad: run(plasticity={"link": bad}),
    "build": nr.build,
    "build_clocked": lambda bad: nr.build_clocked(bad, dt=1e-3),
    "build_clocked.semantics": lambda bad: nr.build_clocked(network(), 1e-3, "" if bad is None else bad),
    "Clamp.population": lambda bad: nr.Clamp(**CLAMP | {"population": bad}),
    "Clamp.kind": lambda bad: nr.Clamp(**CLAMP | {"kind": bad}),
    "AppliedClamp.forced": lambda bad: nr.AppliedClamp(forced=bad),
    "AppliedClamp.currents": lambda bad: nr.AppliedClamp(currents={"cell": bad}),
    "STDP.during": lambda bad: nr.STDP(**STDP, during=(bad,)),
    "Recording.spikes": lambda bad: recording(spikes=bad),
    "Recording.interrupted": lambda bad: recording(interrupted=bad),
}
NAMES = {"Population.name", "Clamp.population", "Record.to", "connect.name"}
"""Arguments for which any text will do."""


def recording(**given):
    return nr.Recording(**{"spikes": {}, "v": {}, "v_times": [], "events": {}, "start": 0.0, "stop": 1.0} | given)


def build(synapses):
    net = network()
    net.connect("cue", "cell", synapses, delay=1e-3)
    return nr.build(net)


PROGRAM = nr.build(network())


def refuses(make, bad):
    """Does `make` refuse it with an error by name? Any other error is a defect, and comes out."""
    try:
        make(bad)
    except NeuroError:
        return True
    return False


@pytest.mark.parametrize("where", SCALARS)
@pytest.mark.parametrize("kind", {**NOT_NUMBERS, **NOT_ONE})
def test_what_is_not_one_number_is_refused(where, kind):
    drawn = where.endswith(".weight") and kind in ("function", "type")  # functions of distance
    assert drawn or refuses(SCALARS[where], {**NOT_NUMBERS, **NOT_ONE}[kind])


@pytest.mark.parametrize("where", ARRAYS)
@pytest.mark.parametrize("kind", NOT_NUMBERS)
def test_what_is_not_a_number_is_refused_in_arrays(where, kind):
    bad = NOT_NUMBERS[kind]
    free = where in ("Clamp.toward.target",) and kind == "nan"
    assert free or refuses(ARRAYS[where], bad)


@pytest.mark.parametrize("where", WHOLE)
@pytest.mark.parametrize("kind", {**NOT_NUMBERS, **NOT_ONE, "half": 1.5, "float": 1.0, "negative": -1, "time": 0})
def test_what_is_not_a_whole_number_is_refused(where, kind):
    bad = {**NOT_NUMBERS, **NOT_ONE, "half": 1.5, "float": 1.0, "negative": -1}.get(kind, np.timedelta64(1, "s"))
    # Seeds and limits have no largest value.
    free = kind == "too large" and where not in (
        "Population.size",
        "FixedIndegree.k",
        "run.threads",
        "connect.receptor",
    )
    assert free or refuses(WHOLE[where], bad)


@pytest.mark.parametrize("where", THINGS)
@pytest.mark.parametrize("kind", NOT_NUMBERS)
def test_what_is_not_such_a_thing_is_refused(where, kind):
    fits = (where in NAMES and kind in ("text", "number in text")) or (
        kind == "True" and where in ("Record.spikes", "Recording.interrupted")
    )
    fits |= (where, kind) in {
        ("Recording.spikes", "dictionary"),
        ("Record.v", "dictionary"),
        ("Record.spikes", "None"),
        ("Record.spikes", "texts"),
        ("Population.initial", "None"),
    }
    assert fits or refuses(THINGS[where], NOT_NUMBERS[kind])


@given(value=st.one_of(st.integers(-(10**30), 10**30), st.floats(-1e30, 1e30), st.fractions(-5, 5)))
def test_numbers_of_every_exact_kind_are_taken(value):
    assert float(finite(value, "where")) == float(value)
    assert finite([float(value)] * 2, "where").tolist() == [float(value)] * 2
    assert finite(np.float32(0.5), "where").dtype == np.float64


@given(value=st.floats(allow_nan=False))
def test_numbers_lie_in_the_range_that_leaves_room_for_products(value):
    for check, least, most in ((positive, SMALLEST, LARGEST), (seconds, SHORTEST, 1 / SHORTEST)):
        if least <= value <= most:
            assert float(check(value, "where")) == value
        else:
            with pytest.raises(ParameterError, match=r"where: must "):
                check(value, "where")


EDGES = [
    sign * edge * near
    for edge in (SMALLEST, LARGEST, SHORTEST, 1e18, 1.0, 1e-6)
    for near in (0.99, 1.0, 1.01)
    for sign in (1, -1)
]


def outcome(value, check, options):
    """The number that is read, or the text of the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return number(value, "x", check=check, **options)
        except (NeuroError, UnitWarning) as problem:
            return str(problem)


@given(
    value=st.floats() | st.integers() | st.sampled_from([*EDGES, 0, 1, 0.0, -0.0, float("inf")]),
    check=st.sampled_from([finite, positive, seconds]),
    data=st.data(),
)
def test_a_plain_number_is_judged_as_an_array_of_it_is(value, check, data):
    options = data.draw(st.fixed_dictionaries({}, optional={"zero": st.booleans(), "infinite": st.booleans()}))
    if check is finite:
        options = {"infinite": options.get("infinite", False), "smallest": data.draw(st.sampled_from([0.0, 1e-6]))}
    if check is positive:
        options["unit"] = data.draw(st.sampled_from(["", "s", "Hz"]))
    if check is seconds:
        options["long"] = data.draw(st.sampled_from([1.0, float("inf")]))
    if check is not seconds or abs(value) < 1e300:
        assert outcome(value, check, options) == outcome(np.asarray(value, np.float64), check, options)


@pytest.mark.parametrize("tiny", [5e-324, 1e-320, 1e-200])
def test_subnormal_parameters_are_refused_by_name(tiny):
    for field in ("tau_m", "v_th", "v_reset", "v_rest", "bias", "refractory", "tau_syn", "v_min"):
        with pytest.raises(ParameterError, match=rf"LIF\.{field}"):
            nr.LIF(**LIF | {field: tiny})


def test_one_number_is_not_an_array_and_one_of_some_words_is_one_of_them():
    assert number(Fraction(1, 2), "where") == 0.5
    with pytest.raises(ParameterError, match=r"must be one number; got an array of shape \(2,\)"):
        nr.run(network(), np.array([1.0, 2.0]))
    with pytest.raises(ParameterError, match="'a', 'b' or 'c'"):
        choice("d", "where", ("a", "b", "c"))
