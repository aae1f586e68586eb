"""Crossbars of devices with a law: learning, outer products, closed-loop writes and half-selected cells."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuro.crossbar.device.catalog import list_devices, load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.laws import Constant, Cycle, SoftBounds, Variation
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.write.coincidence import coincidences
from neuro.crossbar.write.settings import Writing
from neuro.crossbar.write.targets import nominal_step
from neuro.errors import DeviceError, InputError, ParameterError, UnknownName

LOW, HIGH = 10e-6, 110e-6
PLAIN = Device("plain", LOW, HIGH, law=Constant(step=1e-6))
NOISY = Device(
    "noisy",
    LOW,
    HIGH,
    law=SoftBounds(step=1e-6, up_down=0.1),
    variation={"step": Variation(0.3), "g_max": Variation(0.1)},
    cycle=Cycle(0.5, "step"),
    write_noise=0.5e-6,
)
PULSED = [name for name in list_devices() if name not in ("ideal", "taox_64x64", "TaOx41")]


def crossbar(device, shape=(6, 5), **options):
    return Crossbar(np.zeros(shape), device, w_max=1.0, start=0.5, **options)


# Learning by pulses.


@pytest.mark.parametrize("policy", ["push_pull", "one_sided"])
def test_a_weight_moves_by_what_the_register_gives_away(policy):
    array = crossbar(PLAIN)
    dw = np.random.default_rng(0).normal(0, 0.05, array.shape)
    before = array.effective_weights()
    array.accumulate(dw, 100, policy=policy)
    moved = array.effective_weights() - before
    np.testing.assert_allclose(moved + array.register, dw, atol=1e-15)
    level = array.scale * 1e-6 * (2 if policy == "push_pull" else 1)
    assert np.abs(array.register).max() < level


def test_pulses_in_one_call_and_in_many_leave_the_same_bits():
    one, many = crossbar(NOISY, seed=3), crossbar(NOISY, seed=3)
    dw = np.random.default_rng(1).normal(0, 0.1, one.shape)
    one.accumulate(dw, 1000)
    many.accumulate(dw, 1)
    while many.accumulate(np.zeros(many.shape), 1):
        pass
    assert one.conductance_plus.tobytes() == many.conductance_plus.tobytes()
    assert one.conductance_minus.tobytes() == many.conductance_minus.tobytes()
    assert one.ledger.as_dict() == many.ledger.as_dict()


def test_what_one_device_gets_leaves_the_errors_of_the_others_alone():
    one, two = crossbar(NOISY, seed=3), crossbar(NOISY, seed=3)
    dw = np.full(one.shape, 0.1)
    other = dw.copy()
    other[2, 2] = -0.3
    one.accumulate(dw, 9)
    two.accumulate(other, 9)
    same = np.ones(one.shape, bool)
    same[2, 2] = False
    assert (one.conductance_plus[same] == two.conductance_plus[same]).all()
    assert one.conductance_plus[2, 2] != two.conductance_plus[2, 2]


def test_the_name_and_the_seed_set_the_devices_apart():
    held = [crossbar(NOISY, seed=s, name=n).conductance_plus for s, n in ((0, "a"), (0, "a"), (1, "a"), (0, "b"))]
    assert held[0].tobytes() == held[1].tobytes()
    assert (held[0] != held[2]).any()
    assert (held[0] != held[3]).any()


@pytest.mark.parametrize("name", PULSED)
def test_every_preset_learns_the_sign_of_a_large_change(name):
    array = crossbar(load_device(name), (20, 20))
    signs = np.where(np.random.default_rng(0).random(array.shape) < 0.5, -1.0, 1.0)
    before = array.effective_weights()
    for _ in range(10):
        array.accumulate(signs, 100)
    moved = array.effective_weights() - before
    assert np.mean(np.sign(moved) == signs) > 0.8
    up = array.ledger.plus[signs > 0].sum() + array.ledger.minus[signs < 0].sum()
    assert array.ledger.as_dict()["pulses_up"] == up


def test_each_device_stays_in_its_own_window():
    device = Device(
        "d", LOW, HIGH, law=SoftBounds(step=5e-6), variation={"g_max": Variation(0.3), "g_min": Variation(0.3)}
    )
    array = crossbar(device, (30, 30))
    for _ in range(30):
        array.accumulate(np.ones(array.shape), 10)
    assert array.conductance_plus.std() > 5e-6
    assert array.conductance_minus.std() > 5e-6
    assert (array.conductance_minus >= 0).all()


def test_a_copy_draws_the_same_errors_and_goes_its_own_way():
    array = crossbar(NOISY)
    array.accumulate(np.full(array.shape, 0.1), 9)
    twin = array.copy()
    twin.accumulate(np.full(array.shape, 0.1), 9)
    kept = array.conductance_plus.copy()
    assert (twin.conductance_plus != kept).any()
    array.accumulate(np.full(array.shape, 0.1), 9)
    assert array.conductance_plus.tobytes() == twin.conductance_plus.tobytes()


def test_the_nominal_step_is_the_expected_change_in_the_middle_of_the_window():
    for name in PULSED:
        device = load_device(name)
        quiet = device.noiseless()
        middle = 0.5 * (device.g_min + device.g_max)
        up, down = quiet.pulse([middle], 1)[0] - middle, middle - quiet.pulse([middle], -1)[0]
        assert nominal_step(device) == pytest.approx((up + down) / 2, rel=1e-12)
    assert nominal_step(load_device("taox_64x64")) == load_device("taox_64x64").step


# Outer products.


def test_stochastic_pulses_meet_as_often_as_the_product_says():
    rng = np.random.default_rng(2)
    x, d = rng.normal(0, 1, 8), rng.normal(0, 1, 6)
    runs = np.array([coincidences(x, d, 3.0, 31, "stochastic", rng).pulses for _ in range(4000)])
    wanted = 3.0 * np.outer(x, d)
    share = np.abs(wanted) / 31
    error = np.sqrt(31 * share * (1 - share) / len(runs))
    assert (np.abs(runs.mean(0) - wanted) < 4.5 * error + 1e-12).all()


@given(
    x=st.lists(st.floats(-1, 1), min_size=3, max_size=3),
    d=st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    gain=st.floats(0.1, 30.0),
    length=st.integers(8, 64),
)
@settings(deadline=None, max_examples=80)
def test_deterministic_pulses_are_near_the_product_and_always_the_same(x, d, gain, length):
    rng = np.random.default_rng(0)
    x, d = np.array(x), np.array(d)
    one = coincidences(x, d, gain, length, "deterministic", rng)
    two = coincidences(x, d, gain, length, "deterministic", rng)
    assert (one.pulses == two.pulses).all()
    wanted = gain * np.outer(x, d)
    if not one.clipped:
        assert np.abs(one.pulses - wanted).max() <= math.log2(length)
    assert (np.sign(one.pulses) * np.sign(wanted) >= 0).all()


def test_trains_that_are_too_short_are_counted():
    rng = np.random.default_rng(0)
    found = coincidences(np.array([1.0, 0.1]), np.array([1.0]), 100.0, 10, "stochastic", rng)
    assert found.clipped == 2
    assert found.pulses[0, 0] == 10


@pytest.mark.parametrize("trains", ["stochastic", "deterministic"])
@pytest.mark.parametrize("device", [PLAIN, load_device("taox_64x64")], ids=["law", "levels"])
def test_an_outer_product_moves_the_weights_by_itself(trains, device):
    array = crossbar(device, (10, 12))
    rng = np.random.default_rng(4)
    x, d = rng.normal(0, 1, 10), rng.normal(0, 1, 12)
    before = array.effective_weights()
    sent = array.coincide(x, d, 0.2, trains=trains, length=100)
    moved = array.effective_weights() - before
    level = 2 * array.scale * nominal_step(device)
    noise = 0.0 if device is PLAIN else 6 * array.scale * device.write_noise
    assert np.abs(moved - level * sent.pulses).max() <= noise + 1e-12
    assert np.corrcoef(moved.ravel(), np.outer(x, d).ravel())[0, 1] > (0.9 if device is PLAIN else 0.3)
    assert array.ledger.as_dict()["pulses_up"] == np.abs(sent.pulses).sum()
    assert (array.register == 0).all()


def test_outer_products_with_the_same_seed_have_the_same_bits():
    arrays = [crossbar(NOISY, seed=9) for _ in range(2)]
    for array in arrays:
        for k in range(5):
            array.coincide(np.full(6, 0.1 * k), np.ones(5), 0.1)
    assert arrays[0].conductance_plus.tobytes() == arrays[1].conductance_plus.tobytes()


def test_an_outer_product_needs_factors_for_each_line_and_a_device_with_pulses():
    with pytest.raises(InputError, match="drives"):
        crossbar(PLAIN).coincide(np.ones(5), np.ones(5))
    with pytest.raises(UnknownName, match="stochastic"):
        crossbar(PLAIN).coincide(np.ones(6), np.ones(5), trains="random")
    with pytest.raises(UnknownName, match="policy"):
        crossbar(PLAIN).coincide(np.ones(6), np.ones(5), policy="both")
    with pytest.raises(ParameterError, match="length"):
        crossbar(PLAIN).coincide(np.ones(6), np.ones(5), length=0)
    with pytest.raises(DeviceError, match="not pulses"):
        crossbar(load_device("ideal")).coincide(np.ones(6), np.ones(5))


# Closed-loop writes.


@pytest.mark.parametrize("name", ["EcRam", "ReRamSB", "PCM", "taox_64x64", "ideal"])
def test_write_verify_brings_every_device_within_the_tolerance_or_names_it(name):
    device = load_device(name)
    array = crossbar(device, (12, 12), seed=2)
    weights = 0.5 * np.random.default_rng(0).uniform(-1, 1, array.shape)
    tolerance = 0.05 * (device.g_max - device.g_min)
    found = array.write_verify(weights, tolerance=tolerance, rounds=400)
    off = np.abs(np.stack([array.conductance_plus, array.conductance_minus]) - found.target)
    assert (found.reached == (off <= tolerance)).all()
    assert len(found.missed) == np.count_nonzero(off > tolerance)
    for reached, target, (low, high) in zip(found.reached, found.target, array.writer.pairs.windows, strict=True):
        within = np.broadcast_to((low <= target + tolerance) & (high >= target - tolerance), target.shape)
        assert (reached | ~within).all(), "a device that could reach its target did not"
    assert np.abs(array.effective_weights() - weights)[found.reached.all(0)].max() <= 2 * array.scale * tolerance


def test_write_verify_reports_stuck_devices_the_farthest_first():
    faults = Faults.draw((8, 8), PLAIN, high=0.1, open=0.1, seed=1)
    array = crossbar(PLAIN, (8, 8), faults=faults)
    found = array.write_verify(np.full((8, 8), 0.25), rounds=200)
    assert len(found.missed) == faults.count
    for one in found.missed:
        stuck = np.asarray(faults.plus if one.array == "plus" else faults.minus)[one.row, one.column]
        assert one.found == stuck
    off = [abs(one.found - one.target) for one in found.missed]
    assert off == sorted(off, reverse=True)
    assert f"{128 - faults.count} of 128" in str(found)


def test_write_verify_counts_its_reads_and_pulses():
    array = crossbar(PLAIN, (8, 8))
    found = array.write_verify(np.full((8, 8), 0.25))
    counts = array.ledger.as_dict()
    assert counts["pulses_up"] + counts["pulses_down"] == found.pulses.sum()
    assert counts["row_reads"] == 8 * found.rounds
    assert (array.ledger.plus == found.pulses[0]).all()
    writer = crossbar(load_device("taox_64x64"), (8, 8))
    again = writer.write_verify(np.full((8, 8), 0.25), tolerance=2e-6)
    assert not again.missed
    assert writer.ledger.writes == 128 + again.pulses.sum()


def test_write_verify_refuses_what_makes_no_sense():
    with pytest.raises(ParameterError, match="tolerance"):
        crossbar(PLAIN).write_verify(np.zeros((6, 5)), tolerance=0.0)
    with pytest.raises(ParameterError, match="rounds"):
        crossbar(PLAIN).write_verify(np.zeros((6, 5)), rounds=0)


# Half-selected cells.


def disturbed(g, pulses, law, fraction):
    """Row by row, up pulses before down pulses, slot by slot; what half-selected cells are met by, in siemens."""
    g, met, halves = g.copy(), 0.0, 0
    half = (HIGH - LOW) / 2

    def move(value, way, share):
        soft = isinstance(law, SoftBounds)
        size = law.step * (((HIGH - value) if way > 0 else (value - LOW)) / half if soft else 1.0)
        return min(max(value + way * share * size, LOW), HIGH)

    for row in range(g.shape[0]):
        for way in (1, -1):
            for slot in range(max(0, int((way * pulses[row]).max()))):
                selected = way * pulses[row] > slot
                for column in np.flatnonzero(selected):
                    g[row, column] = move(g[row, column], way, 1.0)
                for r in range(g.shape[0]):
                    for c in range(g.shape[1]):
                        if (r == row) != bool(selected[c]):
                            met += g[r, c]
                            halves += 1
                            g[r, c] = move(g[r, c], way, fraction)
    return g, halves, met


@pytest.mark.parametrize("law", [Constant(step=1e-6), SoftBounds(step=2e-6)], ids=lambda law: type(law).__name__)
@given(pulses=st.lists(st.lists(st.integers(-2, 3), min_size=3, max_size=3), min_size=4, max_size=4))
@settings(deadline=None, max_examples=20)
def test_half_selected_cells_take_their_share_of_every_pulse_on_their_lines(law, pulses):

    pulses = np.array(pulses)
    devices = Device("d", LOW, HIGH, law=law).sample((4, 3))
    start = np.linspace(20e-6, 100e-6, 12).reshape(4, 3)
    g = start.copy()
    sent = devices.send(g, g.copy(), pulses, 0.1)
    wanted, halves, met = disturbed(start, pulses, law, 0.1)
    np.testing.assert_allclose(g, wanted, rtol=1e-12)
    assert sent.half_selects == halves
    assert sent.half_selected == pytest.approx(met, rel=1e-12)


def test_disturb_is_off_by_default_and_nothing_moves_without_pulses():
    quiet, disturbed_ = crossbar(NOISY, seed=1), crossbar(NOISY, seed=1, writing=Writing(disturb=0.05))
    assert quiet.conductance_plus.tobytes() == disturbed_.conductance_plus.tobytes()
    disturbed_.accumulate(np.zeros(quiet.shape))
    assert quiet.conductance_plus.tobytes() == disturbed_.conductance_plus.tobytes()
    one = np.zeros(quiet.shape)
    one[2, 3] = 0.1
    before = disturbed_.conductance_plus.copy()
    disturbed_.accumulate(one, 5)
    moved = disturbed_.conductance_plus != before
    lines = np.zeros(quiet.shape, bool)
    lines[2], lines[:, 3] = True, True
    assert (moved == lines).all()


def test_devices_with_levels_can_be_disturbed_too():
    array = crossbar(Device("levels", LOW, HIGH, levels=21), writing=Writing(disturb=0.1))
    one = np.zeros(array.shape)
    one[0, 0] = 2 * array.scale * 5e-6
    array.accumulate(one)
    plus = array.conductance_plus - 60e-6
    assert plus[0, 0] == pytest.approx(5e-6)
    np.testing.assert_allclose(plus[0, 1:], 0.5e-6)
    np.testing.assert_allclose(plus[1:, 0], 0.5e-6)
    np.testing.assert_allclose(plus[1:, 1:], 0.0, atol=1e-18)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_a_disturbance_is_a_share(value):
    with pytest.raises(ParameterError, match="disturb"):
        Writing(disturb=value)


# What writes cost.


def test_a_pulse_costs_its_voltage_squared_times_its_time_and_the_conductance_it_meets():
    writing = Writing(voltage=2.0, duration=50e-9)
    for device in (PLAIN, Device("levels", LOW, HIGH, levels=101)):
        array = crossbar(device, writing=writing)
        start = array.ledger.joules.copy()
        before = array.conductance_plus.copy(), array.conductance_minus.copy()
        one = np.zeros(array.shape)
        one[1, 2] = 3 * 2 * array.scale * 1e-6 * 1.001
        assert array.accumulate(one) == 6
        after = array.conductance_plus, array.conductance_minus
        for cause, old, new in zip(("write_plus", "write_minus"), before, after, strict=True):
            mean = 0.5 * (old[1, 2] + new[1, 2])
            assert array.ledger.joules[cause] - start[cause] == pytest.approx(4.0 * 50e-9 * 3 * mean, rel=1e-9)
            assert array.ledger.events[cause] == 3
        assert array.ledger.unpriced_writes == 0


def test_half_selected_devices_take_a_quarter_of_the_energy():
    array = crossbar(PLAIN, writing=Writing(voltage=2.0, duration=50e-9, disturb=1e-9))
    one = np.zeros(array.shape)
    one[1, 2] = 2 * array.scale * 1e-6 * 1.001
    assert array.accumulate(one) == 2
    ledger = array.ledger
    assert ledger.half_selects == ledger.events["half_select"] == 2 * (4 + 5)
    wanted = 1.0 * 50e-9 * 2 * 9 * 60e-6
    assert ledger.joules["half_select"] == pytest.approx(wanted, rel=1e-6)


def test_writes_without_a_price_are_counted_as_such():
    array = crossbar(PLAIN)
    array.accumulate(np.full(array.shape, 0.1))
    assert array.ledger.unpriced_writes == array.ledger.pulses_up + array.ledger.pulses_down
    assert sum(array.ledger.joules.values()) == 0
