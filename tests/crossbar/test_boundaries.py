"""Crossbars at their boundaries: one set of defaults in every kind, counts that add up over arrays, levels half-way."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.crossbar import device_synapses
from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.circuit.nodal import solve_nodes
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.laws import (
    Constant,
    Cycle,
    Exponential,
    Linear,
    MeasuredLaw,
    Piecewise,
    Power,
    SoftBounds,
    Variation,
)
from neuro.crossbar.device.noise import Flicker
from neuro.crossbar.device.properties import properties
from neuro.crossbar.factory import Crossbar, crossbar_from_conductance
from neuro.crossbar.ledger import CAUSES, Ledger
from neuro.crossbar.offset import OffsetCrossbar
from neuro.crossbar.pair import PairCrossbar
from neuro.crossbar.read.settings import Converter, Reading
from neuro.crossbar.sliced import SlicedCrossbar, digits
from neuro.crossbar.tiled import TiledCrossbar
from neuro.crossbar.write.coincidence import coincidences
from neuro.crossbar.write.settings import Writing
from neuro.crossbar.write.targets import at_level
from neuro.crossbar.write.writer import tolerance_of
from neuro.errors import (
    DeviceError,
    InputError,
    NeuroError,
    ParameterError,
    StateError,
    UnsupportedFeature,
    WeightError,
)

LOW, HIGH = 10e-6, 100e-6
LEVELS = Device("levels", LOW, HIGH, levels=16)
PULSED = Device("pulsed", LOW, HIGH, law=Constant(step=2e-6))
KINDS = (PairCrossbar, OffsetCrossbar, SlicedCrossbar, TiledCrossbar)
BASES = (device_synapses.DeviceSynapses, device_synapses.ReadableCrossbar)
DEFAULTS = {
    ("read", "at"): None,
    ("read_columns", "at"): None,
    ("read_rows", "out"): None,
    ("snapshot", "at"): None,
    ("count_reads", "rows"): 0,
    ("count_reads", "columns"): 0,
    ("solve", "column_voltages"): 0,
    ("netlist", "column_voltages"): 0,
    ("accumulate", "max_levels"): 4,
    ("accumulate", "policy"): "push_pull",
    ("coincide", "rate"): 1.0,
    ("coincide", "trains"): "stochastic",
    ("coincide", "length"): 31,
    ("coincide", "policy"): "push_pull",
    ("write_verify", "tolerance"): None,
    ("write_verify", "rounds"): 100,
}


@pytest.mark.parametrize(("method", "argument"), DEFAULTS, ids=".".join)
def test_every_kind_of_crossbar_has_the_same_defaults(method, argument):
    for kind in (AbstractCrossbar, *KINDS):
        found = inspect.signature(getattr(kind, method)).parameters[argument].default
        assert found == DEFAULTS[method, argument], kind.__name__
        assert type(found) is type(DEFAULTS[method, argument])
    one = nr.Crossbar(np.eye(2))
    for part in (one.T, one.snapshot(), *BASES):
        for (name, key), default in DEFAULTS.items():
            if hasattr(part, name) and key in inspect.signature(getattr(part, name)).parameters:
                assert inspect.signature(getattr(part, name)).parameters[key].default == default


def test_a_crossbar_draws_from_seed_zero_and_has_two_slices_only_if_asked():
    for make in (Crossbar, crossbar_from_conductance):
        found = {key: part.default for key, part in inspect.signature(make).parameters.items()}
        assert (found["seed"], found["name"], found["wires"], found["reading"]) == (0, "crossbar", None, None)
        assert {found.get(key) for key in ("tile", "slices", "base", "w_max", "start", "device", "faults")} == {None}


def test_one_tile_is_verified_as_its_array_is():
    whole, tiled = (Crossbar(np.zeros((2, 2)), LEVELS, w_max=1.0, tile=tile) for tile in (None, (2, 2)))
    found, expected = (crossbar.write_verify(np.eye(2)) for crossbar in (tiled, whole))
    assert (found.tolerance, found.rounds) == (expected.tolerance, expected.rounds)
    assert found.pulses.tolist() == expected.pulses.tolist()


def moved(crossbar, seed, calls=4):
    """Learning in small steps of either sign."""
    rng, count = np.random.default_rng(seed), 0
    for _ in range(calls):
        count += crossbar.accumulate(rng.normal(0, 0.4, crossbar.shape))
    return count


OPTIONS = {
    "pair": {"start": 0.5},
    "offset": {"mapping": "offset"},
    "tiles": {"tile": (2, 3)},
    "offset tiles": {"mapping": "offset", "tile": (2, 3)},
}


@pytest.mark.parametrize("device", [LEVELS, PULSED], ids=["levels", "law"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@given(seed=st.integers(0, 99))
def test_every_pulse_is_one_on_one_device_up_or_down_and_in_one_array(options, device, seed):
    crossbar = Crossbar(np.zeros((3, 4)), device, w_max=1.0, seed=seed, **options)
    count = moved(crossbar, seed)
    ledger = crossbar.ledger
    assert ledger.shape == (3, 4)
    assert count == ledger.pulses_up + ledger.pulses_down == ledger.plus.sum() + ledger.minus.sum()
    assert ledger.plus.min() >= 0
    assert ledger.minus.min() >= 0
    for key in ("pulses_up", "pulses_down", "writes", "row_reads", "column_reads", "unpriced", "unpriced_writes"):
        assert getattr(ledger, key) == sum(getattr(array.ledger, key) for array in crossbar.arrays), key
    if crossbar.arrays[0].shape == (3, 5):  # the last column is the reference, which learning leaves alone
        assert np.array_equal(ledger.plus, crossbar.arrays[0].ledger.plus[:, :-1])
        assert crossbar.arrays[0].ledger.plus[:, -1].sum() == 0
        assert ledger.minus.sum() == 0
    again = ledger.copy()
    assert (again.as_dict(), again.plus.tolist()) == (ledger.as_dict(), ledger.plus.tolist())
    both = ledger + again
    assert both.plus.tolist() == (2 * ledger.plus).tolist()
    assert both.minus.tolist() == (2 * ledger.minus).tolist()
    assert (both.pulses_up, both.unpriced_writes) == (2 * ledger.pulses_up, 2 * ledger.unpriced_writes)


def test_an_offset_weight_is_pulsed_where_it_is():
    crossbar = Crossbar(np.zeros((2, 3)), LEVELS, w_max=1.0, mapping="offset")
    change = np.zeros((2, 3))
    change[1, 2] = 1.01 * crossbar.scale * LEVELS.step
    assert crossbar.accumulate(2 * change) == 2
    assert crossbar.ledger.plus.tolist() == [[0, 0, 0], [0, 0, 2]]
    assert crossbar.accumulate(-3 * change) == 3
    assert crossbar.ledger.plus.tolist() == [[0, 0, 0], [0, 0, 5]]
    assert (crossbar.ledger.pulses_up, crossbar.ledger.pulses_down) == (2, 3)


def test_an_offset_crossbar_is_written_once_and_counts_its_references():
    crossbar = Crossbar(np.zeros((2, 3)), LEVELS, w_max=1.0, mapping="offset")
    assert crossbar.ledger.writes == 8
    assert crossbar.arrays[0].shape == (2, 4)
    middle = LOW + LEVELS.step * 7
    assert crossbar.reference == pytest.approx(middle, rel=1e-12)
    assert crossbar.scale == pytest.approx(1.0 / (middle - LOW), rel=1e-12)
    even = Crossbar(np.zeros((1, 1)), Device("c", LOW, HIGH), w_max=1.0, mapping="offset")
    assert even.reference == pytest.approx((LOW + HIGH) / 2, rel=1e-12)
    two = Crossbar(np.zeros((1, 1)), Device("t", LOW, HIGH, levels=2), w_max=1.0, mapping="offset")
    assert (two.reference, two.scale) == (LOW, pytest.approx(1.0 / (HIGH - LOW), rel=1e-12))


def test_reads_of_offset_columns_read_the_reference_as_often():
    crossbar = Crossbar(np.zeros((2, 3)), LEVELS, w_max=1.0, mapping="offset")
    crossbar.count_reads([1, 2], columns=[3, 0, 4])
    array = crossbar.arrays[0].ledger
    assert (array.row_reads, array.column_reads) == (3, 14)
    crossbar.count_reads(5, columns=6)
    assert (array.row_reads, array.column_reads) == (8, 26)
    plain = Crossbar(np.zeros((2, 3)))
    plain.T.count_reads([1, 2, 3], columns=[4, 5])
    assert (plain.ledger.row_reads, plain.ledger.column_reads) == (9, 6)
    plain.snapshot().count_reads([1, 1])
    assert plain.ledger.row_reads == 11


@pytest.mark.parametrize("options", [*OPTIONS.values()][1:], ids=[*OPTIONS][1:])
def test_what_one_array_answers_is_not_asked_of_several(options):
    crossbar = Crossbar(np.zeros((3, 4)), LEVELS, **options)
    for name, ask in {
        "circuits": lambda: crossbar.circuits,
        "effective_conductance": lambda: crossbar.effective_conductance(),
        "solve": lambda: crossbar.solve(np.ones(3)),
        "netlist": lambda: crossbar.netlist(np.ones(3)),
    }.items():
        with pytest.raises(UnsupportedFeature, match=f"has `{name}`"):
            ask()
    assert not crossbar.learns_in_run
    assert Crossbar(np.zeros((3, 4))).learns_in_run


def test_a_state_that_is_restored_is_seen_by_the_next_read_and_counts_as_a_write():
    crossbar = Crossbar(np.zeros((2, 2)), LEVELS, w_max=1.0, start=0.5)
    arrays = {name: array.copy() for name, array in crossbar.state_arrays().items()}
    random = crossbar.random_state
    before = crossbar.effective_weights().copy()
    crossbar.accumulate(np.full((2, 2), 0.5))
    changed, version = crossbar.effective_weights().copy(), crossbar.version
    crossbar.restore_state(arrays, random)
    assert np.array_equal(crossbar.effective_weights(), before)
    assert not np.array_equal(changed, before)
    assert crossbar.version == version + 1
    with pytest.raises(StateError, match="other devices"):
        crossbar.restore_state({**arrays, "register": np.zeros((1, 2))}, random)
    with pytest.raises(StateError, match="other devices"):
        crossbar.restore_state({"register": arrays["register"]}, random)


def test_a_crossbar_that_takes_the_state_of_a_copy_adds_its_counts_and_is_written_once():
    crossbar = Crossbar(np.zeros((2, 2)), LEVELS, w_max=1.0, start=0.5)
    moved(crossbar, 1)
    other, mine = crossbar.copy(), crossbar.ledger.copy()
    moved(other, 2)
    version = crossbar.version
    crossbar.take_state_from(other)
    assert np.array_equal(crossbar.effective_weights(), other.effective_weights())
    assert np.array_equal(crossbar.register, other.register)
    assert crossbar.ledger.pulses_up == mine.pulses_up + other.ledger.pulses_up
    assert crossbar.version == version + 1


SHARES = [0.0, 0.2, 1.0, -0.5]


@given(gain=st.sampled_from([-6.0, 0.0, 2.0, 6.0]), length=st.sampled_from([1, 7, 16, 31]))
def test_deterministic_trains_meet_as_often_as_slots_say(gain, length):
    rows, columns = np.array(SHARES), np.array([1.0, 0.25, 0.0])
    found = coincidences(rows, columns, gain, length, "deterministic", np.random.default_rng(0))
    unit = np.sqrt(abs(gain) / length)
    bits = max((length - 1).bit_length(), 1)
    order = sorted(range(length), key=lambda slot: int(f"{slot:0{bits}b}"[::-1], 2))
    clipped = 0
    for share in (*np.abs(rows), *np.abs(columns)):
        clipped += gain != 0 and unit * share > 1
    assert found.clipped == clipped
    for i, x in enumerate(rows):
        first = set(range(int(np.rint(length * min(unit * abs(x), 1)))))
        for j, y in enumerate(columns):
            spread = set(order[: int(np.rint(length * min(unit * abs(y), 1)))])
            sign = np.sign(x) * np.sign(y) * np.sign(gain)
            assert found.pulses[i, j] == sign * len(first & spread)


def test_a_line_that_fires_in_every_slot_is_not_cut_short():
    rows, columns = np.array([1.0, 0.5]), np.array([1.0])
    for trains in ("stochastic", "deterministic"):
        found = coincidences(rows, columns, 8.0, 8, trains, np.random.default_rng(0))
        assert (found.clipped, found.pulses[0, 0]) == (0, 8)
        assert coincidences(rows, columns, 8.1, 8, trains, np.random.default_rng(0)).clipped == 2


def test_busiest_row_and_busiest_column_are_equally_busy():
    # Shares of rows and columns are scaled to one maximum, so neither is cut while the other has room.
    found = coincidences(np.array([100.0]), np.array([0.01]), 4.0, 16, "deterministic", np.random.default_rng(0))
    assert (found.pulses.item(), found.clipped) == (4, 0)
    assert coincidences(np.zeros(2), np.ones(1), 1.0, 4, "stochastic", np.random.default_rng(0)).pulses.tolist() == [
        [0],
        [0],
    ]
    assert coincidences(np.ones(1), np.zeros(2), 1.0, 4, "stochastic", np.random.default_rng(0)).pulses.tolist() == [
        [0, 0]
    ]


@pytest.mark.parametrize("disturb", [0.0, 1e-9, 1.0])
def test_a_share_of_a_pulse_lies_within_zero_and_one(disturb):
    assert Writing(disturb=disturb).disturb == disturb
    for bad in (-1e-9, 1 + 1e-9, np.nan):
        with pytest.raises(ParameterError, match=r"Writing\.disturb"):
            Writing(disturb=bad)


@pytest.mark.parametrize("kind", [Writing, Reading])
@pytest.mark.parametrize("key", ["voltage", "duration"])
@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_voltages_and_times_are_above_zero(kind, key, bad):
    with pytest.raises(ParameterError, match=rf"{kind.__name__}\.{key}"):
        kind(**{key: bad})


def test_a_pulse_takes_its_energy_and_half_of_it_unknown_takes_none():
    assert Writing(voltage=2.0, duration=3.0).joules(5.0) == 60.0
    assert Writing(voltage=2.0).joules(5.0) is Writing(duration=3.0).joules(5.0) is Writing().joules(5.0) is None
    assert (Writing().disturb, Reading().noise, Reading().driver_energy) == (0.0, 0.0, 0.0)
    assert not Reading(voltage=1.0).priced
    assert not Reading(duration=1.0).priced
    assert Reading(noise=1e-9).fluctuates
    for bad in ({"noise": -1e-9}, {"driver_energy": -1e-9}):
        with pytest.raises(ParameterError, match="Reading"):
            Reading(**bad)


@pytest.mark.parametrize("device", [LEVELS, PULSED, Device("c", LOW, HIGH)], ids=["levels", "law", "continuous"])
def test_a_write_pulse_costs_the_mean_conductance_of_before_and_after(device):
    crossbar = Crossbar([[0.0]], device, w_max=1.0, start=0.5, writing=Writing(voltage=2.0, duration=1e-6))
    start = crossbar.conductance_plus.item()
    crossbar.accumulate([[2.1 * crossbar.scale * (crossbar.writer.step or 2e-6)]])
    end, joules, events = crossbar.conductance_plus.item(), crossbar.ledger.joules, crossbar.ledger.events
    assert events["write_plus"] == 1
    assert joules["write_plus"] == pytest.approx(4e-6 * 0.5 * (start + end), rel=1e-9, abs=0)


def test_converters_round_half_way_up_and_stop_at_their_ends():
    two = Converter(2, -1.5, 1.5)
    assert two.convert(np.array([-9.0, -1.0 - 1e-9, -1.0, 0.0, 0.99, 1.0, 9.0])).tolist() == [
        -1.5,
        -1.5,
        -0.5,
        0.5,
        0.5,
        1.5,
        1.5,
    ]
    assert Converter(1, 0.0, 1.0).convert(np.array([0.49, 0.5])).tolist() == [0.0, 1.0]
    assert Converter(32, 0.0, 1.0).convert(np.array([1.0])).tolist() == [1.0]
    assert Converter(1, 0.0, 1.0).energy == 0.0
    for bits in (0, 33, -1, True, 2.0):
        with pytest.raises(ParameterError, match="at least 1, at most 32"):
            Converter(bits, 0.0, 1.0)
    for low, high in ((1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(ParameterError, match="`high` must be above `low`"):
            Converter(2, low, high)
    for key, bad in (("low", -np.inf), ("high", np.nan)):
        with pytest.raises(ParameterError, match=rf"Converter\.{key}: must be finite"):
            Converter(2, **{"low": 0.0, "high": 1.0, key: bad})
    with pytest.raises(ParameterError, match="energy"):
        Converter(2, 0.0, 1.0, energy=-1e-15)


def test_a_level_is_the_nearest_and_a_tolerance_half_of_one():
    values = LOW + LEVELS.step * np.array([-1.0, 0.49, 0.51, 7.2, 15.4])
    assert (at_level(values, LEVELS) - LOW) / LEVELS.step == pytest.approx([0, 0, 1, 7, 15], abs=1e-9)
    assert at_level(np.array([0.0, 50e-6, 1.0]), Device("c", LOW, HIGH)).tolist() == [LOW, 50e-6, HIGH]
    assert tolerance_of(LEVELS, None, "w") == LEVELS.step / 2
    assert tolerance_of(Device("c", LOW, HIGH), None, "w") == pytest.approx(0.9e-6, rel=1e-12)
    assert tolerance_of(LEVELS, 1e-9, "w") == 1e-9
    for bad in (0.0, -1e-9):
        with pytest.raises(ParameterError, match="w, tolerance"):
            tolerance_of(LEVELS, bad, "w")


def test_the_rows_that_a_closed_loop_reads_are_all_and_then_those_that_are_off():
    crossbar = Crossbar(np.zeros((3, 2)), LEVELS, w_max=1.0)
    target = np.zeros((3, 2))
    target[1, 0] = 1.0
    found = crossbar.write_verify(target)
    assert (found.rounds, crossbar.ledger.row_reads) == (2, 4)  # three rows, then one
    assert found.pulses.sum() == 1
    assert found.reached.all()
    again = crossbar.write_verify(target)
    assert (again.rounds, crossbar.ledger.row_reads) == (1, 7)
    assert again.pulses.sum() == 0


def test_a_device_at_its_tolerance_is_reached_and_the_farthest_miss_comes_first():
    faults = Faults(np.array([[LOW, LOW + 30e-6]]), np.full((1, 2), np.nan))
    crossbar = Crossbar(np.zeros((1, 2)), LEVELS, faults=faults, w_max=1.0)
    found = crossbar.write_verify([[0.25, 1.0]], tolerance=1e-6, rounds=2)
    assert [(miss.array, miss.column) for miss in found.missed] == [("plus", 1), ("plus", 0)]
    edge = crossbar.write_verify([[0.0, 1.0]], tolerance=60e-6, rounds=2)
    assert edge.reached.all()
    assert edge.missed == []


def test_pulses_of_a_closed_loop_go_half_way_and_one_at_least():
    crossbar = Crossbar([[0.0]], PULSED, w_max=1.0)
    found = crossbar.write_verify([[1.0]], tolerance=1e-6, rounds=1)
    assert found.pulses[0].item() == 22  # 90 uS are 45 pulses of 2 uS
    assert crossbar.conductance_plus.item() == pytest.approx(LOW + 44e-6, rel=1e-12)
    assert crossbar.write_verify([[1.0]], tolerance=1e-6).reached.all()
    near = Crossbar([[0.0]], PULSED, w_max=1.0)
    for steps, pulses in ((1, 1), (3, 1), (5, 2)):
        target = near.effective_weights() + steps * near.scale * 2e-6
        assert near.write_verify(target, tolerance=1e-6, rounds=1).pulses[0].item() == pulses


def test_a_start_is_a_fraction_of_the_window_and_of_pairs_alone():
    for start in (0.0, 1.0):
        assert Crossbar(np.zeros((1, 1)), start=start).effective_weights().item() == 0.0
    for start in (-1e-9, 1 + 1e-9):
        with pytest.raises(ParameterError, match="fraction of the window"):
            Crossbar(np.zeros((1, 1)), start=start)
    for mapping, says in (("offset", "starts at the reference"), ("slices", "lower end of the window")):
        with pytest.raises(UnsupportedFeature, match=says):
            Crossbar(np.zeros((1, 1)), mapping=mapping, start=0.5)
    for start, reach in ((None, 1.0), (0.5, 1.0), (0.25, 0.5), (0.75, 0.5)):
        assert Crossbar([[reach]], w_max=1.0, start=start).effective_weights().item() == pytest.approx(reach, rel=1e-12)
        with pytest.raises(WeightError, match=rf"holds weights of -{reach:g}\.\.{reach:g}.*at index \(0, 1\)"):
            Crossbar([[0.0, -reach * (1 + 1e-9)]], w_max=1.0, start=start)


def test_slices_are_two_of_the_base_of_the_device_unless_told():
    sliced = Crossbar(np.eye(2), LEVELS, mapping="slices")
    assert (sliced.slices, sliced.base) == (2, 16)
    assert Crossbar(np.eye(2), Device("c", LOW, HIGH), mapping="slices").base == 16
    assert Crossbar(np.eye(2), LEVELS, mapping="slices", base=2).base == 2
    for base in (1, 3, 0):
        with pytest.raises(NeuroError, match="base"):
            Crossbar(np.eye(2), LEVELS, mapping="slices", base=base)
    whole = digits(np.array([[1.0, -1.0, 0.5]]), 2, 3, whole=True)
    assert sum(4 / 2**k * digit for k, digit in enumerate(whole)).tolist() == [[7.0, -7.0, 4.0]]
    with pytest.raises(WeightError, match=r"within -w_max\.\.w_max"):
        digits(np.array([[1.0 + 1e-9]]), 2, 3, whole=True)


def test_conductances_make_a_crossbar_of_siemens():
    one = crossbar_from_conductance([[1e-3, 0.0]])
    assert (one.scale, one.w_max, one.device.g_min, one.device.g_max) == (1.0, 1e-3, 0.0, 1e-3)
    two = crossbar_from_conductance([[1e-3]], [[2e-3]])
    assert (two.w_max, two.effective_weights().item()) == (2e-3, -1e-3)
    assert crossbar_from_conductance([[0.0]]).w_max == 1.0
    for bad in ([1e-3], [[-1e-9]], [[np.nan]], np.zeros((0, 2))):
        with pytest.raises(DeviceError, match="g_plus"):
            crossbar_from_conductance(bad)
    with pytest.raises(DeviceError, match=r"g_minus.*= \(1, 1\)"):
        crossbar_from_conductance([[1e-3]], [[1e-3, 1e-3]])
    assert (Crossbar(np.zeros((1, 1))).w_max, Crossbar([[0.5, -2.0]]).w_max) == (1.0, 2.0)


def test_each_part_of_a_crossbar_is_of_its_class():
    for given_, says in (
        ({"device": "ideal"}, "`device` must be a Device"),
        ({"faults": 0.1}, "`faults` must be Faults"),
        ({"faults": Faults.none((1, 2))}, r"weights' shape \(2, 2\)"),
        ({"wires": 1.0}, "`wires` must be Wires"),
        ({"reading": 1.0}, "`reading` must be a Reading"),
        ({"writing": 1.0}, "`writing` must be a Writing"),
    ):
        with pytest.raises(DeviceError, match=says):
            Crossbar(np.eye(2), **given_)


def test_rows_are_read_into_an_array_that_can_take_them():
    crossbar = Crossbar([[1.0, 2.0], [3.0, 4.0]])
    out = np.ones(2)
    assert crossbar.read_rows([1, 1, 0], out) is out
    assert out == pytest.approx([8.0, 11.0])
    assert crossbar.read_rows([]).tolist() == [0.0, 0.0]
    locked = np.zeros(2)
    locked.flags.writeable = False
    for bad in (np.zeros(3), np.zeros(2, np.float32), np.zeros(4)[::2], locked, [0.0, 0.0]):
        with pytest.raises(InputError, match="writeable array of 2 float64"):
            crossbar.read_rows([0], bad)
    for feature, reading in {
        "a DAC": {"dac": Converter(2, 0.0, 1.0)},
        "an ADC": {"adc": Converter(2, 0.0, 1.0)},
    }.items():
        with pytest.raises(UnsupportedFeature, match=f"have no {feature}"):
            Crossbar(np.eye(2), reading=Reading(**reading)).read_rows([0])


@pytest.mark.parametrize("bad", [[1.0], [1, -1], [0.5, 1], [[1, 1]], [np.nan, 0]])
def test_counts_of_reads_are_whole_numbers_for_each_line(bad):
    with pytest.raises(InputError):
        Crossbar(np.eye(2)).count_reads(bad)
    with pytest.raises(InputError):
        Crossbar(np.eye(2)).count_reads(columns=bad)


def test_voltages_are_finite_or_none():
    crossbar = crossbar_from_conductance([[1e-3], [2e-3]])
    assert crossbar.solve([1.0, np.nan]).tolist() == pytest.approx([1e-3])
    assert crossbar.solve(1.0).tolist() == pytest.approx([3e-3])
    for bad in ([1.0], [1.0, np.inf], [[1.0, 1.0]], "high"):
        with pytest.raises(InputError, match="row voltages"):
            crossbar.solve(bad)


def test_a_floating_row_of_ohms_law_meets_its_segments():
    wires = Wires(row=600.0, column=400.0)
    assert crossbar_from_conductance([[1e-3]], wires=wires).solve([2.0]).item() == pytest.approx(2.0 / 2000, rel=1e-9)


def test_a_ledger_refuses_what_it_does_not_know_and_sums_what_it_does():
    ledger = Ledger((1, 2))
    assert ledger.total == 0.0
    for k, cause in enumerate(CAUSES):
        ledger.add(cause, k, 10.0**k)
    assert ledger.total == 1111111.0
    assert ledger.events == {cause: k for k, cause in enumerate(CAUSES)}
    with pytest.raises(NeuroError, match="'heat'"):
        ledger.add("heat", 1, 1.0)
    assert ledger.count_pulses(np.array([[3, -1]]), np.array([[0, -2]])) == 6
    assert (ledger.pulses_up, ledger.pulses_down) == (3, 3)
    assert (ledger.plus.tolist(), ledger.minus.tolist()) == ([[3, 1]], [[0, 2]])
    ledger.unpriced = 2
    with pytest.raises(ParameterError, match="2 reads without one"):
        _ = ledger.total
    assert (ledger + Ledger((1, 2))).unpriced == 2
    with pytest.raises(ParameterError, match="need one shape"):
        _ = ledger + Ledger((2, 1))


LAWS = [Constant, Linear, SoftBounds, Exponential, Power, Piecewise]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_each_law_has_a_step_above_zero_and_an_asymmetry_within_one(law):
    plain = law(step=1e-6)
    assert (plain.up_down, plain.zero) == (0.0, None)
    law(step=1e-6, up_down=1.0, zero=0.0)
    law(step=1e-6, up_down=-1)
    for wrong, says in (
        ({"step": 0.0}, "law, step"),
        ({"step": -1e-6}, "law, step"),
        ({"step": True}, "law, step"),
        ({"step": "1"}, "law, step"),
        ({"step": np.nan}, "law, step"),
        ({"up_down": 1 + 1e-9}, r"law, up_down.*-1\.\.1"),
        ({"up_down": -1 - 1e-9}, "law, up_down"),
        ({"zero": -1e-9}, "law, zero"),
        ({"zero": np.inf}, "law, zero"),
    ):
        with pytest.raises(DeviceError, match=says):
            law(**{"step": 1e-6, **wrong})
    for field in law.__dataclass_fields__:
        if field not in ("step", "up_down", "zero"):
            with pytest.raises(DeviceError, match=f"law, {field}"):
                law(**{"step": 1e-6, field: (np.nan,) if law is Piecewise else np.nan})


def test_laws_are_without_bends_unless_told():
    assert (Linear(step=1e-6).gamma_up, Linear(step=1e-6).gamma_down) == (0.0, 0.0)
    exponential = Exponential(step=1e-6)
    assert [getattr(exponential, key) for key in ("A_up", "A_down", "gamma_up", "gamma_down", "a", "b")] == [
        0,
        0,
        0,
        0,
        1,
        0,
    ]
    assert (Power(step=1e-6).gamma_up, Power(step=1e-6).gamma_down) == (1.0, 1.0)
    assert Power(step=1e-6, gamma_up=0.0).gamma_up == 0.0
    assert (Piecewise(step=1e-6).up, Piecewise(step=1e-6).down) == ((1.0,), (1.0,))
    assert Piecewise(step=1e-6, up=(1, 2), down=(3,)).up == (1.0, 2.0)
    assert Cycle() == Cycle(0.0, "change", 0.0, 0.0, 0.0)
    assert Cycle(correlation=-1.0) != Cycle(correlation=1.0)
    assert (Variation(0.0).kind, Variation(0.0).shared) == ("normal", "")


def test_a_device_in_five_numbers():
    even = properties(PULSED)
    assert even.pulses == pytest.approx(45.0, rel=1e-12)
    assert (even.pulse_noise, even.read_noise, even.asymmetry, even.variation) == (0.0, 0.0, 0.0, 0.0)
    noisy = Device("n", LOW, HIGH, law=Constant(step=2e-6), cycle=Cycle(0.3, "step"), write_noise=1.8e-6)
    assert properties(noisy).pulse_noise == pytest.approx(0.3, rel=0.05)
    assert properties(noisy).read_noise == pytest.approx(0.02, rel=1e-12)
    levels = Device("l", LOW, HIGH, levels=16, write_noise=1.8e-6)
    assert (properties(levels).pulses, properties(levels).read_noise) == (pytest.approx(15.0), 0.0)
    continuous = properties(Device("c", LOW, HIGH, write_noise=1.8e-6))
    assert continuous.pulses == np.inf
    assert continuous[1:] == (0.0, pytest.approx(0.02, rel=1e-12), 0.0, 0.0)
    lopsided = properties(Device("u", LOW, HIGH, law=Constant(step=2e-6, up_down=0.5)))
    assert lopsided.asymmetry == pytest.approx(1 / 3, rel=1e-9)  # the smaller step is half the other
    up = np.array([[[1e-6, 1e-6]], [[0.0, 0.0]]])
    idle = MeasuredLaw(conductance=[[LOW, HIGH]] * 2, probability=[0.5], up=up, down=-up / 3)
    assert properties(Device("i", LOW, HIGH, law=idle)).asymmetry == pytest.approx(0.5)  # of those that move
    spread = Device("v", LOW, HIGH, law=Constant(step=2e-6), variation={"step": Variation(0.2)})
    assert properties(spread).variation == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize(
    "wires", [(0.0, 0.0, 0.0, 0.0), (1.0, 0.0, 2.0, 0.0), (0.0, 4e3, 0.0, 8e3), (5e3, 1e3, 3e4, 7e5)]
)
def test_one_device_is_in_series_with_its_wires(wires):
    row, column, driver, sense = wires
    found = solve_nodes(np.array([[1e-3]]), Wires(row=row, column=column, driver=driver, sense=sense), np.array([2.0]))
    amperes = 2.0 / (1e3 + sum(wires))
    assert found.columns == pytest.approx([amperes], rel=1e-12)
    assert found.rows == pytest.approx([amperes], rel=1e-12)


@pytest.mark.parametrize("ohms", [1.0, 1e3, 1e5])
@given(seed=st.integers(0, 99))
def test_what_goes_in_at_the_rows_comes_out_at_the_columns(ohms, seed):
    rng = np.random.default_rng(seed)
    g, volts = rng.uniform(1e-6, 1e-3, (3, 4)), rng.uniform(-1, 1, 3)
    wires = Wires(row=ohms, column=2 * ohms, driver=3 * ohms, sense=4 * ohms)
    found = solve_nodes(g, wires, volts)
    assert found.rows.sum() == pytest.approx(found.columns.sum(), rel=1e-9, abs=1e-15)
    # Driven from the columns' terminals, the array gives what it gives from its rows once it is turned around.
    turned = Wires(row=2 * ohms, column=ohms, driver=4 * ohms, sense=3 * ohms)
    one = solve_nodes(g, wires, np.zeros(3), columns=np.array([1.0, 0.0, 0.0, 0.0]))
    other = solve_nodes(g[::-1, ::-1].T, turned, np.array([0.0, 0.0, 0.0, 1.0]))
    assert -one.rows[::-1] == pytest.approx(other.columns, rel=1e-9, abs=1e-18)


@pytest.mark.parametrize("band", [(1.0, 1e3), (1e-2, 1e4)])
def test_processes_of_flicker_noise_add_up_to_one_over_f(band):
    noise = Flicker(amplitude=0.03, low=band[0], high=band[1])
    for f in np.geomspace(3 * band[0], band[1] / 3, 7):
        density = np.sum(4 * noise.sigma**2 * noise.times / (1 + (2 * np.pi * f * noise.times) ** 2))
        assert density == pytest.approx(0.03**2 / f, rel=0.02)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_closed_loop_reaches_its_weights_by_pulses_in_every_mapping(options):
    given_ = {key: value for key, value in options.items() if key != "start"}
    crossbar = Crossbar(np.zeros((3, 4)), PULSED, w_max=1.0, **given_)
    goal = np.linspace(-0.9, 0.9, 12).reshape(3, 4)
    found = crossbar.write_verify(goal, tolerance=1.5e-6)
    assert found.reached.all()
    assert crossbar.effective_weights() == pytest.approx(goal, abs=2 * 1.5e-6 * 2.0 / (HIGH - LOW))
    assert crossbar.ledger.pulses_up + crossbar.ledger.pulses_down >= np.abs(found.pulses).sum() > 12


def test_the_state_of_devices_with_a_law_is_all_that_their_pulses_go_on_from():
    noisy = Device("n", LOW, HIGH, law=Constant(step=2e-6), cycle=Cycle(0.3, "step", correlation=0.5), write_noise=1e-6)
    crossbar = Crossbar(np.zeros((2, 2)), noisy, w_max=1.0, start=0.5, seed=4)
    moved(crossbar, 1)
    arrays, random = {name: array.copy() for name, array in crossbar.state_arrays().items()}, crossbar.random_state
    kept = {f"{part}_{side}" for part in ("held", "pulses", "error") for side in ("plus", "minus")}
    assert set(arrays) == {"plus", "minus", "register"} | kept
    assert set(Crossbar(np.zeros((2, 2)), LEVELS).state_arrays()) == {"plus", "minus", "register"}
    moved(crossbar, 2)
    expected = crossbar.effective_weights().copy()
    moved(crossbar, 3)
    crossbar.restore_state(arrays, random)
    moved(crossbar, 2)
    assert np.array_equal(crossbar.effective_weights(), expected)
