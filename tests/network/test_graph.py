"""A network: names, receptors, shapes and delays of what it connects, and the summary that recordings keep."""

import numpy as np
import pytest

import neuro as nr
from neuro.errors import NetworkError, NeuroError, ParameterError, UnknownName, WeightError
from neuro.network.listing import delays_of, triplets_of
from neuro.network.summary import summary
from neuro.network.wiring import wiring_of

LIF = {"tau_m": 20e-3, "v_th": 1.0}
KERNEL = nr.Convolution2d(np.ones((3, 2, 1, 1)), (2, 1, 1))
CROSSBAR = nr.Crossbar(np.zeros((2, 3)))


def network():
    net = nr.Network(seed=3)
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, nr.LIF(**LIF, tau_syn=(None, 5e-3))))
    net.add(nr.Population("pair", 2, nr.IF(v_th=1.0)))
    return net


def connect(synapses, post="cell", **options):
    return network().connect("cue", post, synapses, **{"delay": 1e-3, **options})


def test_a_network_is_empty_and_of_seed_zero_unless_told():
    net = nr.Network()
    assert (net.seed, len(net.populations), len(net.projections)) == (0, 0, 0)
    assert nr.Network(seed=7).seed == 7


def test_a_projection_is_what_was_connected():
    net, synapses = network(), nr.AllToAll(1.0)
    one = net.connect("cue", net.populations["cell"], synapses, delay=0.0)
    assert (one.name, one.pre, one.post) == ("cue->cell", net.populations["cue"], net.populations["cell"])
    assert (one.synapses, one.delay, one.receptor) == (synapses, 0.0, 0)
    assert net.projections["cue->cell"] is one
    two, three = (net.connect("cue", "cell", synapses, delay=2e-3, receptor=1) for _ in range(2))
    assert (two.name, two.delay, two.receptor) == ("cue->cell#2", 2e-3, 1)
    named = net.connect("cue", "cell", synapses, delay=1e-3, name="mine")
    assert list(net.projections) == ["cue->cell", "cue->cell#2", "cue->cell#3", "mine"]
    assert (three.name, named.name) == ("cue->cell#3", "mine")


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda net: net.add("cell"), NetworkError, "takes a Population.*cell"),
        (lambda net: net.add(nr.Population("cue", 1, nr.SpikeSource())), NetworkError, "in the network already.*'cue'"),
        (lambda net: net.connect("cue", "cell", nr.AllToAll(1.0), delay=1e-3, name="here"), NetworkError, "'here'"),
        (lambda net: net.connect("cues", "cell", nr.AllToAll(1.0), delay=1e-3), UnknownName, "'cues'"),
        (lambda net: net.connect("cell", "cue", nr.AllToAll(1.0), delay=1e-3), NetworkError, "source.*'cue'"),
        (
            lambda net: net.connect("cue", "cell", np.ones((2, 3)), delay=1e-3),
            NetworkError,
            "synapses must be.*array",
        ),
        (lambda net: net.connect("cue", "cell", None, delay=1e-3), NetworkError, "synapses must be.*None"),
        (
            lambda net: net.connect(network().populations["cue"], "cell", nr.AllToAll(1.0), delay=1e-3),
            NetworkError,
            "another network.*'cue'",
        ),
    ],
)
def test_what_does_not_belong_to_a_network_is_refused_and_changes_nothing(wrong, error, says):
    net = network()
    net.connect("cue", "cell", nr.AllToAll(1.0), delay=1e-3, name="here")
    with pytest.raises(error, match=says):
        wrong(net)
    assert (list(net.populations), list(net.projections)) == (["cue", "cell", "pair"], ["here"])


@pytest.mark.parametrize("receptor", [-1, 2, 0.5])
def test_a_receptor_that_is_not_there_is_refused(receptor):
    with pytest.raises(ParameterError, match=rf"cue->cell.*receptor.*got {receptor}"):
        connect(nr.AllToAll(1.0), receptor=receptor)


@pytest.mark.parametrize(
    "synapses",
    [nr.Dense(np.ones((2, 3))), CROSSBAR, KERNEL],
    ids=lambda synapses: type(synapses).__name__,
)
def test_weights_have_a_row_for_each_source_and_a_column_for_each_target(synapses):
    assert connect(synapses).synapses is synapses
    with pytest.raises(WeightError, match=r"cue->pair.*\(pre, post\) = \(2, 2\); got \(2, 3\)"):
        connect(synapses, "pair")


DELAYS = {
    "list": (nr.Sparse([0, 1, 1, 0], [2, 2, 0, 0], 1.0), "cell", (4,)),
    "one to one": (nr.OneToOne(1.0), "pair", (2,)),
    "matrix": (nr.Dense(np.ones((2, 3))), "cell", (2, 3)),
    "all": (nr.AllToAll(1.0), "cell", (2, 3)),
    "crossbar": (CROSSBAR, "cell", (2, 3)),
}
OF_ONE_DELAY = {
    "k": (nr.FixedIndegree(2, 1.0), "cell"),
    "p": (nr.FixedProbability(0.5, 1.0), "cell"),
    "kernel": (KERNEL, "cell"),
}


@pytest.mark.parametrize(("synapses", "post", "shape"), DELAYS.values(), ids=DELAYS)
def test_delays_are_one_number_or_one_for_each_synapse(synapses, post, shape):
    own = 1e-3 * np.arange(np.prod(shape)).reshape(shape)
    kept = connect(synapses, post, delay=own).delay
    assert np.array_equal(kept, own)
    assert not kept.flags.writeable
    own += 1e-3
    assert kept.flat[0] == 0.0  # a copy
    for wrong in (own.ravel()[:-1], own[None], own[:1]):
        with pytest.raises(ParameterError, match=r"delay.*must be one number, or one for each") as caught:
            connect(synapses, post, delay=wrong)
        assert str(wrong.shape) in str(caught.value)
    own.flat[-1] = -1e-3
    with pytest.raises(ParameterError, match=r"delay.*not be negative.*-0\.001"):
        connect(synapses, post, delay=own)


@pytest.mark.parametrize(("synapses", "post"), OF_ONE_DELAY.values(), ids=OF_ONE_DELAY)
def test_synapses_that_nobody_lists_have_one_delay(synapses, post):
    assert connect(synapses, post, delay=0.0).delay == 0.0
    with pytest.raises(ParameterError, match=r"have one delay.*Sparse"):
        connect(synapses, post, delay=[1e-3] * 6)


@pytest.mark.parametrize("delay", [-1e-300, np.nan, np.inf, "soon", None])
def test_a_delay_is_finite_and_not_below_zero(delay):
    with pytest.raises(NeuroError, match=r"cue->cell.*delay"):
        connect(nr.AllToAll(1.0), delay=delay)


def test_the_summary_has_each_population_and_each_projection():
    net = network()
    net.add(nr.Population("noise", np.int64(4), nr.PoissonSource(rate=1.0)))
    net.connect("cue", "cell", nr.AllToAll(1.0), delay=1e-3)
    net.connect("noise", "pair", nr.AllToAll(1.0), delay=1e-3, name="back")
    assert summary(net) == {
        "populations": {
            "cue": {"size": 2, "model": "SpikeSource", "source": True},
            "cell": {"size": 3, "model": "LIF", "source": False},
            "pair": {"size": 2, "model": "IF", "source": False},
            "noise": {"size": 4, "model": "PoissonSource", "source": True},
        },
        "projections": {"cue->cell": ["cue", "cell"], "back": ["noise", "pair"]},
        "wiring": wiring_of(net),
    }


def test_places_and_the_extent_of_space_have_one_to_three_dimensions():
    for places, shape in (([0.0, 1.0], (2, 1)), *((np.zeros((2, d)), (2, d)) for d in (1, 2, 3))):
        found = nr.Population("a", 2, nr.IF(v_th=1.0), positions=places).positions
        assert found.shape == shape
        assert not found.flags.writeable
    for bad in (0.0, [0.0], [0.0] * 3, np.zeros((2, 0)), np.zeros((2, 4)), np.zeros((2, 1, 1)), [0.0, np.nan]):
        with pytest.raises(ParameterError, match="population 'a', positions"):
            nr.Population("a", 2, nr.IF(v_th=1.0), positions=bad)
    for extent in (1e-100, [1.0, np.inf], 2.0, [1e-3]):
        assert near(periodic=extent).periodic is extent
    for bad in (0.0, -1.0, 1e-101, [], [[1.0]], np.nan, [1.0, 0.0]):
        with pytest.raises(ParameterError, match=r"DistanceDependent\.periodic"):
            near(periodic=bad)


def near(**options):
    return nr.DistanceDependent(nr.Gaussian(sd=1.0), 1.0, **options)


@pytest.mark.parametrize(
    ("here", "there", "extent", "fits"),
    [
        (1, 1, None, True), (2, 2, [1.0, 2.0], True), (2, 2, [1.0], True), (3, 3, 2.0, True), (1, 1, [1.0], True),
        (1, 2, None, False), (2, 1, None, False), (2, 2, [1.0] * 3, False), (3, 3, [1.0, 1.0], False),
        (0, 1, None, False), (1, 0, None, False),
    ],
)  # fmt: skip
def test_both_populations_lie_in_one_space(here, there, extent, fits):
    net = nr.Network()
    for name, dimensions in (("pre", here), ("post", there)):
        places = np.zeros((2, dimensions)) if dimensions else None
        net.add(nr.Population(name, 2, nr.IF(v_th=1.0), positions=places))
    given = [(near(periodic=extent), 1e-3)]
    if extent is None:
        far = nr.Linear(1.0, 1.0)
        given += [(nr.Sparse([0], [1], far), 1e-3), (nr.OneToOne(1.0), far), (nr.AllToAll(far), 1e-3)]
    for synapses, delay in given:
        if fits:
            net.connect("pre", "post", synapses, delay=delay)
            continue
        with pytest.raises(ParameterError, match=r"projection 'pre->post'.*(lie in one space|with positions)"):
            net.connect("pre", "post", synapses, delay=delay)
        assert not net.projections


def test_functions_of_distance_are_what_their_formulas_say():
    d = np.array([0.0, 0.5, 2.0])
    assert nr.Gaussian(sd=0.5, peak=3.0)(d) == pytest.approx(3.0 * np.exp([0.0, -0.5, -8.0]))
    assert nr.Exponential(length=0.5, peak=3.0)(d) == pytest.approx(3.0 * np.exp([0.0, -1.0, -4.0]))
    assert nr.Linear(offset=1.0, per_metre=-2.0)(d).tolist() == [1.0, 0.0, -3.0]
    assert nr.Gaussian(1.0).peak == nr.Exponential(1.0).peak == 1.0
    for make, name in ((nr.Gaussian, "sd"), (nr.Exponential, "length")):
        for bad in (0.0, -1.0, np.nan, [1.0]):
            with pytest.raises(ParameterError, match=rf"{make.__name__}\.{name}"):
                make(bad)
        with pytest.raises(ParameterError, match=rf"{make.__name__}\.peak"):
            make(1.0, peak=np.inf)
    for wrong in ((np.nan, 1.0), (1.0, np.inf)):
        with pytest.raises(ParameterError, match="Linear"):
            nr.Linear(*wrong)
    for peak, fits in ((0.0, True), (1.0, True), (-1e-9, False), (1.0 + 1e-9, False)):
        for record in (nr.Gaussian(1.0, peak), nr.Exponential(1.0, peak)):
            if fits:
                nr.DistanceDependent(record, 1.0)
            else:
                with pytest.raises(ParameterError, match=r"DistanceDependent\.probability: a probability must lie in"):
                    nr.DistanceDependent(record, 1.0)


@pytest.mark.parametrize("value", [-1e-9, 1.0 + 1e-9])
def test_a_probability_below_zero_or_above_one_is_told_with_its_distance(value):
    net = nr.Network()
    cells = net.add(nr.Population("a", 2, nr.IF(v_th=1.0), positions=[0.0, 0.5]))
    bad = nr.DistanceDependent(lambda d: np.where(d > 0.0, value, 0.5), 1.0)
    with pytest.raises(WeightError, match=rf"0\.\.1.*got {value} at 0\.5 m"):
        triplets_of(net.connect(cells, cells, bad, delay=1e-3), 0)


@pytest.mark.parametrize("delay", [0.0, 1e-3, nr.Uniform(0.0, 1e-3), nr.Linear(1e-3, 1.0)], ids=str)
def test_the_delay_is_that_of_connect_or_that_of_the_synapses(delay):
    for own in (nr.Sparse([0], [1], 1.0, delay=delay), near(delay=delay)):
        net = nr.Network()
        cells = net.add(nr.Population("a", 2, nr.IF(v_th=1.0), positions=[0.0, 0.5]))
        assert net.connect(cells, cells, own).delay == delay
        with pytest.raises(ParameterError, match="have a delay already"):
            net.connect(cells, cells, own, delay=1e-3)
        with pytest.raises(ParameterError, match="needs a delay"):
            net.connect(cells, cells, nr.OneToOne(1.0))
    for bad in (-1e-9, np.inf, "soon", [1e-3]):
        with pytest.raises(ParameterError, match=r"DistanceDependent\.delay"):
            near(delay=bad)


@pytest.mark.parametrize(
    ("delay", "says"),
    [
        (nr.Uniform(-1e-9, 1e-3), "below zero"),
        (nr.Normal(1e-3, 1e-3), "below zero"),
        (nr.Normal(1e-3, 1e-3, low=0.4e-3, step=1e-3), "rounded to zero"),
        (nr.Uniform(0.4e-3, 1e-3, step=1e-3), "rounded to zero"),
        (nr.Normal(1e-3, 1e-3, low=0.5e-3, step=1e-3), None),
        (nr.Uniform(0.0, 1e-3, step=1e-3), None),
        (nr.Uniform(0.1e-3, 1e-3), None),
        (nr.LogNormal(-7.0, 0.5), None),
    ],
    ids=str,
)
def test_delays_are_not_drawn_below_zero_nor_rounded_to_it_unasked(delay, says):
    if says is None:
        assert connect(nr.AllToAll(1.0), delay=delay).delay is delay
        return
    with pytest.raises(ParameterError, match=rf"cue->cell', delay.*{says}"):
        connect(nr.AllToAll(1.0), delay=delay)


@pytest.mark.parametrize("synapses", [nr.AllToAll(1.0), nr.Sparse([0, 1], [1, 0], 1.0)], ids=str)
def test_a_function_of_distance_gives_no_delay_below_zero(synapses):
    net = nr.Network()
    cells = net.add(nr.Population("a", 2, nr.IF(v_th=1.0), positions=[0.0, 0.5]))
    zero, below = (net.connect(cells, cells, synapses, delay=nr.Linear(start, -1.0)) for start in (0.5, 0.25))
    assert np.min(delays_of(zero, 0)) == 0.0
    with pytest.raises(ParameterError, match=r"delay: must not be negative; got -0\.25"):
        delays_of(below, 0)


def test_a_network_shows_the_delays_of_its_projections():
    net = network()
    for delay, shown in ((2e-3, "delay 2 ms"), (np.full((2, 3), 1e-3), "a delay for each synapse")):
        assert shown in repr(net.connect("cue", "cell", nr.AllToAll(1.0), delay=delay))
    assert "delays by Uniform" in repr(net.connect("cue", "cell", nr.AllToAll(1.0), delay=nr.Uniform(1e-3, 2e-3)))


CELL = nr.Population("cell", 2, nr.LIF(**LIF))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: nr.Network(populations={"cells": CELL}),
        lambda: nr.Network(populations={"cell": nr.IF(v_th=1.0)}),
        lambda: nr.Network(populations=[CELL]),
        lambda: nr.Network(projections={"p": CELL}),
        lambda: nr.Network(projections={"q": nr.Projection("p", CELL, CELL, nr.AllToAll(1.0), 1e-3)}),
        lambda: nr.Projection("p", CELL, CELL, np.ones((2, 2)), 1e-3),
        lambda: nr.Projection("p", "cell", CELL, nr.AllToAll(1.0), 1e-3),
        lambda: nr.Projection("p", CELL, "cell", nr.AllToAll(1.0), 1e-3),
        lambda: nr.Projection("", CELL, CELL, nr.AllToAll(1.0), 1e-3),
        lambda: nr.Projection("p", CELL, CELL, nr.AllToAll(1.0), -1e-3),
        lambda: nr.Projection("p", CELL, CELL, nr.AllToAll(1.0), np.full((2, 3), 1e-3)),
        lambda: nr.Projection("p", CELL, CELL, nr.AllToAll(1.0), 1e-3, receptor=1),
        lambda: nr.Population("cell", 2**32 - 1, nr.LIF(**LIF)),
        lambda: nr.Population("cue", 1, nr.SpikeSource(), initial={"v": 0.0}),
        lambda: nr.Population("cell", 1, nr.LIF(**LIF), initial=[0.0]),
        lambda: nr.Population("cell", 1, nr.LIF(**LIF, tau_syn=())),
        lambda: network().connect("cue", 5, nr.AllToAll(1.0), delay=1e-3),
        lambda: network().connect("cue", "cell", nr.AllToAll(1.0), delay=1e-3, name=""),
        lambda: CELL.parameter(5),
        lambda: CELL.parameter("none", [1.0, 2.0]),
    ],
)
def test_parts_that_make_no_network_are_refused(wrong):
    with pytest.raises(NeuroError):
        wrong()


def test_parts_that_make_a_network_are_taken():
    link = nr.Projection("p", CELL, CELL, nr.AllToAll(1.0), np.full((2, 2), 1e-3))
    net = nr.Network(populations={"cell": CELL}, projections={"p": link})
    assert (net.populations["cell"], net.projections["p"]) == (CELL, link)
    assert not link.delay.flags.writeable
    assert nr.Population("cell", 2**32 - 2, nr.LIF(**LIF)).size == 2**32 - 2
    assert CELL.parameter("none", 3).tolist() == [3.0, 3.0]
    assert CELL.parameter("v_min", np.inf).tolist() == [np.inf] * 2
