"""A network: names, receptors, shapes and delays of what it connects, and the summary that recordings keep."""

import numpy as np
import pytest

import neuro as nr
from neuro.errors import NetworkError, NeuroError, ParameterError, UnknownName, WeightError
from neuro.network.summary import summary

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
    }
