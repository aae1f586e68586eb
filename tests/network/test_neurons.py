"""Neurons and populations: what they are without being told, what is allowed at the very boundary, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NeuroError, ParameterError, UnknownName, WeightError
from neuro.network.loihi import loihi_weights
from neuro.network.neurons import receptors

LIF = {"tau_m": 20e-3, "v_th": 1.0}
SLOW = {nr.AHP: {"tau_ahp": 0.2, "jump": 0.5}, nr.ALIF: {"tau_adapt": 0.2, "jump": 0.5}}
LEVELS = {"v_reset": 0.0, "bias": 0.0, "refractory": 0.0, "tau_syn": None, "reset": "to_value", "v_min": None}
LOIHI = {"d_v": 204, "v_th": 127}
LOIHI_AHP = {**LOIHI, "d_a": 5, "w_a": 96}


def kinds():
    """Each kind of leaky or perfect integrator with its least arguments."""
    return [(nr.LIF, LIF), (nr.IF, {"v_th": 1.0}), *((kind, {**LIF, **slow}) for kind, slow in SLOW.items())]


@pytest.mark.parametrize(("kind", "least"), kinds(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_not_said_is_zero_or_nothing(kind, least):
    model = kind(**least)
    rest = {"v_rest": 0.0} if kind is not nr.IF else {}
    for name, value in {**LEVELS, **rest, "v_max": None}.items():
        assert getattr(model, name) == value, name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tau_m", 0.0),
        ("tau_syn", 0.0),
        ("tau_syn", (5e-3, -1.0)),
        ("tau_ahp", (0.1, 0.0)),
        ("tau_adapt", -0.1),
        ("jump", np.inf),
        ("jump", (0.1, np.nan)),
        ("refractory", -1e-9),
        ("v_reset", np.nan),
        ("v_reset", None),
        ("bias", np.inf),
        ("v_rest", None),
        ("v_th", np.nan),
        ("v_min", -np.inf),
        ("v_max", np.inf),
        ("reset", "never"),
    ],
)
def test_each_field_that_cannot_be_is_refused_by_its_name(field, value):
    having = [(kind, least) for kind, least in kinds() if hasattr(kind(**least), field)]
    assert having
    for kind, least in having:
        with pytest.raises(ParameterError, match=rf"{kind.__name__}\.{field}"):
            kind(**{**least, field: value})


@pytest.mark.parametrize(
    "allowed",
    [
        {"refractory": 0.0},
        {"v_reset": np.nextafter(1.0, 0.0)},
        {"v_min": np.nextafter(1.0, 0.0), "v_reset": np.nextafter(1.0, 0.0)},
        {"v_min": -0.5, "v_reset": -0.5},
        {"v_th": None, "v_max": 0.0},
        {"v_th": None, "v_reset": 1e9},
        {"v_th": None, "v_min": -1.0, "v_max": np.nextafter(-1.0, 0.0), "v_reset": -1.0},
        {"reset": "subtract", "v_reset": 5.0},
        {"reset": "subtract", "v_th": 1e-99},
        {"reset": "subtract", "v_min": 0.5},
        {"v_th": 0.0, "v_reset": -1.0},
    ],
    ids=str,
)
def test_what_lies_at_a_boundary_is_allowed(allowed):
    for kind, least in kinds():
        kind(**{**least, **allowed})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"v_reset": [0.0, 2.0, 0.0], "v_th": [1.0, 1.5, 3.0]}, r"v_reset=2\.0, v_th=1\.5 at neuron 1"),
        ({"v_reset": [0.0, 0.0, 1.0]}, r"v_reset=1\.0, v_th=1\.0 at neuron 2"),
        ({"v_reset": 2.0, "v_th": [3.0, 2.0]}, r"v_reset=2\.0, v_th=2\.0 at neuron 1"),
        ({"v_reset": 1.0}, r"v_reset=1\.0, v_th=1\.0(?! at)"),
        ({"reset": "subtract", "v_th": [1.0, 0.0]}, r"v_th=0\.0 at neuron 1"),
        ({"reset": "subtract", "v_th": 0.0}, r"v_th=0\.0(?! at)"),
        ({"v_min": [0.0, 1.0], "reset": "subtract"}, r"`v_min` must lie below `v_th`.*v_min=1\.0, v_th=1\.0"),
        ({"v_min": [-1.0, 0.5], "v_reset": 0.25}, r"v_reset=0\.25, v_min=0\.5"),
        ({"v_min": -1.0, "v_max": -1.0, "v_th": None, "v_reset": -1.0}, r"above `v_min`.*v_min=-1\.0, v_max=-1\.0"),
        ({"v_max": [3.0, -0.5], "v_th": None}, r"`v_reset` must not lie above `v_max`.*v_reset=0\.0, v_max=-0\.5"),
        ({"v_max": [3.0, 0.5]}, r"v_max=0\.5, v_th=1\.0"),
    ],
    ids=str,
)
def test_levels_in_the_wrong_order_are_named_with_their_values(wrong, says):
    with pytest.raises(ParameterError, match=says):
        nr.LIF(**{**LIF, **wrong})


@pytest.mark.parametrize("kind", SLOW, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("taus", "jumps", "allowed"),
    [
        (0.1, 0.2, True),
        ((0.1,), (0.2,), True),
        ((0.1, 1.0), (0.2, 0.3), True),
        ((0.1, 1.0), (0.2,), False),
        ((0.1,), 0.2, False),
        (0.1, (0.2,), False),
    ],
)
def test_slow_currents_have_as_many_jumps_as_time_constants(kind, taus, jumps, allowed):
    given = {"tau_ahp" if kind is nr.AHP else "tau_adapt": taus, "jump": jumps}
    if allowed:
        kind(**LIF, **given)
    else:
        with pytest.raises(ParameterError, match=rf"{kind.__name__}.*tuples of one length"):
            kind(**LIF, **given)


def test_rates_are_not_below_zero():
    assert nr.PoissonSource(rate=0.0).rate == 0.0
    with pytest.raises(ParameterError, match=r"PoissonSource\.rate.*-1"):
        nr.PoissonSource(rate=[2.0, -1.0])


def test_a_receptor_is_a_time_constant_or_a_jump():
    assert receptors(nr.SpikeSource()) == receptors(nr.PoissonSource(1.0)) == ()
    assert receptors(nr.LIF(**LIF)) == receptors(nr.LoihiLIF(**LOIHI)) == (None,)
    assert receptors(nr.IF(v_th=1.0, tau_syn=5e-3)) == (5e-3,)
    assert receptors(nr.LIF(**LIF, tau_syn=(None, 5e-3, 1e-2))) == (None, 5e-3, 1e-2)
    assert receptors(nr.LIF(**LIF, tau_syn=[5e-3, 1e-2]))[0].tolist() == [5e-3, 1e-2]  # one, neuron by neuron


RANGES = [
    *(("d_v", 0, 4096), ("d_u", 0, 4096), ("d_a", 0, 4096), ("v_th", 0, 2**31), ("w_a", -(2**31), 2**31)),
    *(("e", -6, 7), ("e_a", -6, 7), ("bias", -4096, 4095), ("e_bias", 0, 7), ("refractory", 1, 64)),
]


@pytest.mark.parametrize(("field", "low", "high"), RANGES, ids=[field for field, *_ in RANGES])
def test_whole_numbers_of_loihi_lie_in_their_ranges(field, low, high):
    for value in (low, high, [low, high]):
        assert getattr(nr.LoihiAHP(**{**LOIHI_AHP, field: value}), field) == value
    for value in (low - 1, high + 1, low + 0.5):
        with pytest.raises(
            ParameterError, match=rf"LoihiAHP\.{field}.*in {low}\.\.{high}.*{float(value)!r}".replace("+", r"\+")
        ):
            nr.LoihiAHP(**{**LOIHI_AHP, field: [low, value]})
    if field in ("d_v", "v_th", "e"):
        with pytest.raises(ParameterError, match=rf"LoihiLIF\.{field}"):
            nr.LoihiLIF(**{**LOIHI, field: high + 1})


def test_neurons_of_loihi_have_no_exponents_unless_told_and_may_have_no_threshold():
    assert (nr.LoihiLIF(**LOIHI).e, nr.LoihiAHP(**LOIHI_AHP).e, nr.LoihiAHP(**LOIHI_AHP).e_a) == (0, 0, 0)
    assert nr.LoihiLIF(d_v=0, v_th=None).v_th is None
    plain = nr.LoihiLIF(**LOIHI)
    assert (plain.d_u, plain.bias, plain.e_bias, plain.refractory, plain.bounded) == (4096, 0, 0, 1, False)
    for bad in (1, None, "yes"):
        with pytest.raises(ParameterError, match=r"LoihiLIF\.bounded"):
            nr.LoihiLIF(**LOIHI, bounded=bad)


@pytest.mark.parametrize(
    ("signs", "low", "high", "lost"), [("mixed", -256, 254, 1), ("positive", 0, 255, 0), ("negative", -256, 0, 0)]
)
def test_weights_of_loihi_lose_the_bits_that_they_do_not_have(signs, low, high, lost):
    every = np.arange(low, high + 1)
    for bits in (1, 5, 8):
        step = 2 ** (8 - bits + lost)
        for exponent in (-8, -1, 0, 7):
            rounded = [int(np.sign(m)) * (abs(int(m)) // step * step) for m in every]
            expected = [max(-(2**15 - 1), min(2**15 - 1, int(np.floor(m * 2.0**exponent)))) for m in rounded]
            assert loihi_weights(every, exponent, bits=bits, signs=signs).tolist() == expected
    assert loihi_weights(every, signs=signs).tolist() == loihi_weights(every, 0, bits=8, signs=signs).tolist()
    for bad in (low - 1, high + 1, low + 0.5):
        with pytest.raises(WeightError, match=rf"whole numbers in {low}\.\.{high}.*{float(bad)!r}"):
            loihi_weights([0, bad], signs=signs)


def test_weights_of_loihi_have_an_exponent_and_bits_of_the_chip():
    for bad in (-9, 8, 0.5):
        with pytest.raises(ParameterError, match=r"exponent.*-8\.\.7"):
            loihi_weights(1, bad)
    for bad in (0, 9, -1, 2.0):
        with pytest.raises(ParameterError, match="bits"):
            loihi_weights(1, bits=bad)
    with pytest.raises(ParameterError, match=r"signs.*'both'"):
        loihi_weights(1, signs="both")
    assert loihi_weights(254, 7).item() == 254 * 128
    assert loihi_weights(-256, 7, signs="negative").item() == -(2**15 - 1)


@pytest.mark.parametrize("size", [0, 1, np.int32(5), np.uint8(7)])
def test_a_population_has_any_whole_number_of_neurons(size):
    assert nr.Population("cell", size, nr.LIF(**LIF)).size == size


@pytest.mark.parametrize("size", [-1, True, False, 1.0, 2.5, "3", None, np.bool_(True)])
def test_no_other_size_is_a_number_of_neurons(size):
    with pytest.raises(NeuroError, match=r"population 'cell'.*size.*must be a whole number"):
        nr.Population("cell", size, nr.LIF(**LIF))


@pytest.mark.parametrize("name", ["", None, 5, b"cell"])
def test_a_population_needs_a_name(name):
    with pytest.raises(ParameterError, match="name"):
        nr.Population(name, 1, nr.LIF(**LIF))


@pytest.mark.parametrize("model", [nr.LIF, None, "LIF", nr.AllToAll(1.0)], ids=str)
def test_a_model_is_one_of_the_models(model):
    with pytest.raises(ParameterError, match=r"population 'cell'.*model must be one of"):
        nr.Population("cell", 1, model)


ONE, TWO, JUMP = (nr.LIF(**LIF, tau_syn=tau) for tau in (5e-3, (5e-3, 1e-2), None))


@pytest.mark.parametrize(
    ("model", "initial", "says"),
    [
        (ONE, {"u": 0.0}, r"population 'cell'.*'u'"),
        (JUMP, {"i": 0.0}, "one receptor with a time constant"),
        (TWO, {"i": 0.0}, "one receptor with a time constant"),
        (ONE, {"v": np.nan}, "population 'cell', initial v.*finite"),
        (ONE, {"i": [0.0, np.inf, 0.0]}, "initial i.*finite"),
        (ONE, {"v": [0.0, 0.0]}, r"`initial v` must be one number or 3 of them.*\(2,\)"),
        (ONE, {"v": 0.0, "i": [[0.0] * 3]}, r"`initial i` must be one number or 3"),
        (nr.LoihiLIF(**LOIHI), {"v": [0, 1, 2.5]}, "initial v.*whole numbers"),
    ],
    ids=str,
)
def test_initial_values_that_cannot_be_are_refused(model, initial, says):
    with pytest.raises(NeuroError, match=says) as caught:
        nr.Population("cell", 3, model, initial=initial)
    assert isinstance(caught.value, UnknownName if "u" in initial else ParameterError)


def test_initial_values_are_one_number_or_one_for_each_neuron():
    for value in (0.5, [0.5, 0.25, 0.0]):
        nr.Population("cell", 3, ONE, initial={"v": value, "i": value})
        nr.Population("cell", 3, nr.LIF(**LIF, tau_syn=(None, 5e-3)), initial={"i": value})
    nr.Population("cell", 3, nr.LoihiLIF(**LOIHI), initial={"v": [0, 1.0, -2]})


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (lambda bad: nr.LIF(**LIF, bias=bad), "bias"),
        (lambda bad: nr.IF(v_th=1.0, v_min=-np.array(bad) - 1.0), "v_min"),
        (lambda bad: nr.LIF(**LIF, tau_syn=(5e-3, 1e-3 * np.array(bad) + 1e-3)), "tau_syn"),
        (lambda bad: nr.AHP(**LIF, tau_ahp=(0.1, 0.2), jump=(0.1, bad)), "jump"),
        (lambda bad: nr.PoissonSource(bad), "rate"),
        (lambda bad: nr.LoihiLIF(d_v=bad, v_th=None), "d_v"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_field_is_one_number_or_one_for_each_neuron(model, field):
    nr.Population("cell", 3, model([0.0, 1.0, 2.0]))
    with pytest.raises(ParameterError, match=rf"population 'cell'.*`{field}` must be one number or 3 of them"):
        nr.Population("cell", 3, model([0.0, 1.0]))
    with pytest.raises(ParameterError, match=field):
        nr.Population("cell", 3, model([[0.0, 1.0, 2.0]]))
    for wrong in ({"bias": [[0.0, 1.0]]}, {"bias": [0.0, 1.0], "v_rest": [0.0, 1.0, 2.0]}):
        with pytest.raises(ParameterError, match=r"LIF: arrays must be flat, with one entry for each neuron"):
            nr.LIF(**LIF, **wrong)


@given(size=st.integers(0, 5), value=st.integers(-1000, 1000).map(float))
def test_a_parameter_has_an_entry_for_each_neuron(size, value):
    cell = nr.Population("cell", size, nr.LIF(**LIF, bias=value))
    assert cell.parameter("bias").tolist() == [value] * size
    assert cell.parameter("v_min").tolist() == cell.parameter("no such field").tolist() == [0.0] * size
    assert cell.parameter("v_min", value).tolist() == [value] * size
    each = np.arange(size) * value
    assert nr.Population("cell", size, nr.LIF(**LIF, v_rest=each)).parameter("v_rest").tolist() == each.tolist()
