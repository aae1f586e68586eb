"""Crossbars: what they hold, how they are read and programmed, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.factory import Crossbar
from neuro.errors import (
    DeviceError,
    InputError,
    NeuroError,
    ParameterError,
    UnknownName,
    WeightError,
)
from neuro.network.synapses import MatrixSynapses

TAOX = load_device("taox_64x64")
QUIET = Device("quiet", g_min=10e-6, g_max=100e-6, levels=16)
HEALTHY, OPEN = np.nan, 0.0

shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))
numbers = st.floats(-1, 1, allow_subnormal=False)
matrices = shapes.flatmap(lambda shape: arrays(float, shape, elements=numbers))
laws = settings(deadline=None, max_examples=60)


def vector(size, seed):
    return np.random.default_rng(seed).normal(size=size)


@laws
@given(matrices, st.integers(0, 99), st.sampled_from([None, 0.5]))
def test_an_ideal_crossbar_is_the_matrix_product(weights, seed, start):
    crossbar = Crossbar(weights, w_max=1.0, start=start)
    rows, cols = vector(weights.shape[0], seed), vector(weights.shape[1], seed + 100)
    np.testing.assert_allclose(crossbar.read(rows), rows @ weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(crossbar.read_columns(cols), weights @ cols, rtol=0, atol=1e-12)
    np.testing.assert_allclose(crossbar.effective_weights(), weights, rtol=0, atol=1e-12)


@laws
@given(matrices, st.integers(0, 99))
def test_rows_and_columns_read_the_same_devices(weights, seed):
    crossbar = Crossbar(weights, TAOX, w_max=1.0, seed=seed, faults=Faults.stuck(weights.shape, 0.2, seed=seed))
    rows, cols = vector(weights.shape[0], seed), vector(weights.shape[1], seed + 100)
    assert crossbar.read(rows) @ cols == pytest.approx(rows @ crossbar.read_columns(cols), abs=1e-12)
    np.testing.assert_array_equal(crossbar.T.read(cols), crossbar.read_columns(cols))
    np.testing.assert_array_equal(crossbar.T.read_columns(rows), crossbar.read(rows))


def test_the_transpose_shares_devices_and_ledger_and_transposed_twice_is_the_crossbar():
    crossbar = Crossbar([[0.5, -1.0, 0.0], [0.0, 0.0, 1.0]], QUIET, start=0.5, w_max=2.0)
    transposed = crossbar.T
    before = transposed.effective_weights()
    assert transposed.T is crossbar
    assert transposed.shape == (3, 2)
    assert transposed.ledger is crossbar.ledger
    assert transposed.device is crossbar.device
    np.testing.assert_array_equal(before, crossbar.effective_weights().T)
    assert before.flags.c_contiguous
    crossbar.accumulate([[0.9, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert transposed.version == crossbar.version == 1
    assert before[0, 0] != transposed.effective_weights()[0, 0] == crossbar.effective_weights()[0, 0]
    assert not hasattr(transposed, "accumulate")
    assert not hasattr(transposed, "program")


def test_a_crossbar_and_its_transpose_serve_as_synapses():
    crossbar = Crossbar(np.zeros((2, 3)))
    assert isinstance(crossbar, MatrixSynapses)
    assert isinstance(crossbar.T, MatrixSynapses)


def test_weights_are_one_read_only_array_until_the_next_write():
    crossbar = Crossbar([[0.5, -1.0]], w_max=2.0)
    for array_of in (crossbar.effective_weights, lambda: crossbar.T.effective_weights()):
        held = array_of()
        assert array_of() is held
        with pytest.raises(ValueError, match="read-only"):
            held[0, 0] = 3.0
        crossbar.accumulate([[0.25, 0.0]])
        assert array_of() is not held
        crossbar.accumulate([[0.0, 0.0]])
        assert array_of() is array_of()
    assert crossbar.version == 2
    for view in (crossbar.conductance_plus, crossbar.conductance_minus, crossbar.register):
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 3.0


@laws
@given(matrices, st.sampled_from([None, 0.3, 0.5]))
def test_programmed_conductances_are_the_nearest_levels(weights, start):
    reach = 1.0 if start is None else 2 * min(start, 1 - start)
    crossbar = Crossbar(weights * reach, QUIET, w_max=1.0, start=start)
    for conductance in (crossbar.conductance_plus, crossbar.conductance_minus):
        level = (conductance - QUIET.g_min) / QUIET.step
        np.testing.assert_allclose(level, np.rint(level), atol=1e-9)
        assert level.min() > -1e-9
        assert level.max() < QUIET.levels - 1 + 1e-9
    off = np.abs(crossbar.effective_weights() - weights * reach)
    devices_off = 1 if start is None else 2
    assert off.max() <= devices_off * crossbar.scale * QUIET.step / 2 + 1e-12


def test_without_a_start_one_device_of_each_pair_is_at_the_bottom_of_the_window():
    crossbar = Crossbar([[1.0, -0.5, 0.0]], Device("d", 10e-6, 110e-6))
    np.testing.assert_allclose(crossbar.conductance_plus, [[110e-6, 10e-6, 10e-6]], rtol=1e-12)
    np.testing.assert_allclose(crossbar.conductance_minus, [[10e-6, 60e-6, 10e-6]], rtol=1e-12)


def test_with_a_start_both_devices_straddle_it_by_half_the_weight():
    crossbar = Crossbar([[0.2, -0.1]], Device("d", 0.0, 100e-6), w_max=1.0, start=0.1)
    np.testing.assert_allclose(crossbar.conductance_plus, [[20e-6, 5e-6]], rtol=1e-12)
    np.testing.assert_allclose(crossbar.conductance_minus, [[0.0, 15e-6]], atol=1e-18)


def test_write_errors_have_the_spread_of_the_device_and_are_independent():
    device = Device("d", 0.0, 150e-6, write_noise=3.894e-6)
    crossbar = Crossbar(np.zeros((150, 150)), device, start=0.5, seed=3)
    errors = [crossbar.conductance_plus.ravel() - 75e-6, crossbar.conductance_minus.ravel() - 75e-6]
    count = errors[0].size
    for error in errors:
        assert abs(error.std() - device.write_noise) < 3 * device.write_noise / np.sqrt(2 * count)
        assert abs(error.mean()) < 3 * device.write_noise / np.sqrt(count)
    assert abs(np.corrcoef(*errors)[0, 1]) < 3 / np.sqrt(count)


@laws
@given(matrices, st.integers(0, 99))
def test_noisy_writes_stay_in_the_window(weights, seed):
    crossbar = Crossbar(weights, Device("d", 1e-6, 20e-6, levels=4, write_noise=8e-6), w_max=1.0, seed=seed)
    for conductance in (crossbar.conductance_plus, crossbar.conductance_minus):
        assert (conductance >= 1e-6).all()
        assert (conductance <= 20e-6).all()


def test_stuck_devices_hold_their_conductance_through_every_kind_of_write():
    faults = Faults(plus=[[HEALTHY, OPEN, 70e-6]], minus=[[5e-6, HEALTHY, HEALTHY]])
    crossbar = Crossbar([[0.5, 0.5, 0.5]], TAOX, faults=faults, w_max=1.0)

    def stuck():
        return crossbar.conductance_plus[0, 1:].tolist(), crossbar.conductance_minus[0, 0]

    assert stuck() == ([OPEN, 70e-6], 5e-6)
    crossbar.accumulate([[0.5, 0.5, -0.5]])
    assert stuck() == ([OPEN, 70e-6], 5e-6)
    crossbar.program([[-1.0, 1.0, 1.0]])
    assert stuck() == ([OPEN, 70e-6], 5e-6)


def test_a_fault_leaves_the_write_errors_of_all_other_devices_as_they_were():
    weights = np.full((3, 3), 0.5)
    plus = np.full((3, 3), HEALTHY)
    plus[1, 1] = OPEN
    whole = Crossbar(weights, TAOX, w_max=1.0)
    broken = Crossbar(weights, TAOX, faults=Faults(plus, np.full((3, 3), HEALTHY)), w_max=1.0)
    for crossbar in (whole, broken):
        crossbar.accumulate(np.full((3, 3), 0.1))
    same = whole.conductance_plus == broken.conductance_plus
    assert same.sum() == 8
    assert not same[1, 1]
    np.testing.assert_array_equal(whole.conductance_minus, broken.conductance_minus)


def test_each_device_of_a_pair_is_stuck_on_its_own():
    p, shape = 0.1, (150, 150)
    faults = Faults.stuck(shape, p, at=2e-6, seed=5)
    plus, minus = ~np.isnan(faults.plus), ~np.isnan(faults.minus)
    count = plus.size
    for fraction, expected in ((plus.mean(), p), (minus.mean(), p), ((plus & minus).mean(), p * p)):
        assert abs(fraction - expected) < 3 * np.sqrt(expected * (1 - expected) / count)
    assert set(faults.plus[plus]) == {2e-6}
    assert faults.count == plus.sum() + minus.sum()
    np.testing.assert_array_equal(Faults.stuck(shape, p, at=2e-6, seed=5).plus, faults.plus)
    assert Faults.stuck(shape, 0.0).count == 0


def test_programming_rewrites_the_devices_that_are_half_a_level_off():
    crossbar = Crossbar(np.full((8, 8), 0.5), TAOX, w_max=1.0, start=0.5)
    held = crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()
    quiet = Crossbar(np.full((8, 8), 0.5), Device("grid", 0.0, 150e-6, levels=64), w_max=1.0, start=0.5)
    far = [
        np.abs(now - target) >= TAOX.step / 2
        for now, target in zip(held, (quiet.conductance_plus, quiet.conductance_minus), strict=True)
    ]
    assert 0 < far[0].sum() < 64
    assert crossbar.program(np.full((8, 8), 0.5)) == far[0].sum() + far[1].sum()
    np.testing.assert_array_equal(crossbar.conductance_plus != held[0], far[0])
    np.testing.assert_array_equal(crossbar.conductance_minus != held[1], far[1])


def test_programming_asks_for_levels_and_counts_the_devices_it_rewrites():
    weights = np.array([[0.0, 0.5, -1.0], [1.0, 0.25, 0.0]])
    crossbar = Crossbar(weights, QUIET, w_max=1.0)
    assert crossbar.program(weights) == 0
    assert crossbar.version == 0
    level = crossbar.scale * QUIET.step
    assert crossbar.program(weights + np.array([[0.45 * level, 0, 0], [0, 0, 0]])) == 0
    assert crossbar.program(weights + np.array([[0.55 * level, 0, 0], [0, 0, 0]])) == 1
    assert crossbar.program(-weights) == 9
    np.testing.assert_allclose(crossbar.effective_weights(), -weights, atol=level / 2 + 1e-12)
    assert crossbar.version == 2
    assert crossbar.ledger.writes == 12 + 1 + 9


@laws
@given(matrices, st.integers(0, 99))
def test_a_programmed_ideal_crossbar_is_as_good_as_a_new_one(weights, seed):
    rng = np.random.default_rng(seed)
    crossbar = Crossbar(rng.uniform(-1, 1, weights.shape), w_max=1.0)
    crossbar.program(weights)
    fresh = Crossbar(weights, w_max=1.0)
    np.testing.assert_array_equal(crossbar.effective_weights(), fresh.effective_weights())
    assert crossbar.program(weights) == 0


def test_same_seed_and_name_give_the_same_bits_and_others_do_not():
    weights = np.full((4, 5), 0.3)

    def made(**given):
        crossbar = Crossbar(weights, TAOX, w_max=1.0, **given)
        crossbar.accumulate(np.full((4, 5), 0.2))
        return crossbar.effective_weights()

    np.testing.assert_array_equal(made(seed=1, name="a"), made(seed=1, name="a"))
    assert (made(seed=1, name="a") != made(seed=2, name="a")).all()
    assert (made(seed=1, name="a") != made(seed=1, name="b")).all()


def test_a_copy_goes_the_same_way_and_leaves_the_original_alone():
    crossbar = Crossbar(np.full((3, 3), 0.2), TAOX, w_max=1.0, seed=4)
    crossbar.accumulate(np.full((3, 3), 0.11))
    twin = crossbar.copy()
    before, ledger = crossbar.effective_weights().copy(), crossbar.ledger.as_dict()
    twin.accumulate(np.full((3, 3), 0.11))
    twin.read(np.ones(3))
    np.testing.assert_array_equal(crossbar.effective_weights(), before)
    assert crossbar.ledger.as_dict() == ledger
    assert twin.T.T is twin
    crossbar.accumulate(np.full((3, 3), 0.11))
    crossbar.read(np.ones(3))
    np.testing.assert_array_equal(crossbar.effective_weights(), twin.effective_weights())
    np.testing.assert_array_equal(crossbar.register, twin.register)
    assert crossbar.ledger.as_dict() == twin.ledger.as_dict()


def test_reads_are_counted_by_row_and_by_column():
    crossbar = Crossbar(np.zeros((3, 2)))
    crossbar.read([2, 0, -1])
    crossbar.read_columns([0, 1])
    crossbar.count_reads(rows=[5, 0, 2])
    crossbar.count_reads(rows=10)
    crossbar.count_reads(columns=[1, 3])
    assert (crossbar.ledger.row_reads, crossbar.ledger.column_reads) == (2 + 7 + 10, 1 + 4)
    crossbar.T.read([1, 1])
    crossbar.T.read_columns([1, 1, 1])
    crossbar.T.count_reads(rows=[1, 1])
    crossbar.T.count_reads(columns=6)
    assert (crossbar.ledger.row_reads, crossbar.ledger.column_reads) == (19 + 3 + 6, 5 + 2 + 2)


def test_a_crossbar_may_be_empty_or_all_zero():
    assert Crossbar(np.zeros((2, 2))).w_max == 1.0
    empty = Crossbar(np.zeros((0, 3)), TAOX)
    assert empty.read([]).tolist() == [0, 0, 0]
    assert empty.accumulate(np.zeros((0, 3))) == 0
    assert empty.program(np.zeros((0, 3))) == 0


@pytest.mark.parametrize(
    ("error", "match", "given"),
    [
        (WeightError, r"got -3 at index \(1, 0\)", {"weights": [[1.0], [-3.0]], "w_max": 2.0}),
        (
            WeightError,
            r"-0\.2\.\.0\.2; got 0\.3 at index \(0, 0\)",
            {"weights": [[0.3]], "w_max": 1, "start": 0.1},
        ),
        (WeightError, r"0\.00015 S", {"weights": [[0.3]], "w_max": 1.0, "start": 0.9}),
        (WeightError, r"shape must be \(pre, post\)", {"weights": [1.0, 2.0]}),
        (WeightError, r"finite; got nan at index \(0, 1\)", {"weights": [[1.0, np.nan]]}),
        (DeviceError, "Give neuro.Wires", {"weights": [[1.0]], "wires": 2.0}),
        (UnknownName, "'columns'.*offset, pair, slices", {"weights": [[1.0]], "mapping": "columns"}),
        (ParameterError, "w_max: must be greater than zero", {"weights": [[1.0]], "w_max": 0.0}),
        (ParameterError, "`start` is a fraction", {"weights": [[0.0]], "start": 1.5}),
        (DeviceError, "load_device", {"weights": [[1.0]], "device": "taox_64x64"}),
        (DeviceError, "`faults` must be Faults", {"weights": [[1.0]], "faults": [[1.0]]}),
        (DeviceError, r"shape \(1, 1\); got \(2, 2\)", {"weights": [[1.0]], "faults": Faults.none((2, 2))}),
    ],
)
def test_a_crossbar_that_cannot_be_is_refused(error, match, given):
    with pytest.raises(error, match=match):
        Crossbar(name="memory", **given)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (InputError, lambda c: c.read([1.0])),
        (InputError, lambda c: c.read([1.0, np.nan])),
        (InputError, lambda c: c.read_columns([1.0, 2.0])),
        (InputError, lambda c: c.count_reads(rows=-1)),
        (InputError, lambda c: c.count_reads(rows=[1, 2, 3])),
        (InputError, lambda c: c.count_reads(columns=0.5)),
        (InputError, lambda c: c.count_reads(rows=1, columns=-1)),
        (WeightError, lambda c: c.program([[1.0, 0.0, 0.0]])),
        (WeightError, lambda c: c.program(np.full((2, 3), 1.01))),
        (WeightError, lambda c: c.accumulate([[1.0]])),
    ],
)
def test_a_refused_call_says_which_crossbar_and_leaves_it_as_it_was(error, call):
    crossbar = Crossbar(np.full((2, 3), 0.5), TAOX, w_max=1.0, name="memory")
    before, counts = crossbar.effective_weights(), crossbar.ledger.as_dict()
    with pytest.raises(error, match="memory") as caught:
        call(crossbar)
    assert isinstance(caught.value, NeuroError)
    assert crossbar.effective_weights() is before
    assert crossbar.ledger.as_dict() == counts


@pytest.mark.parametrize(
    "make",
    [
        lambda: Faults([[1e-6]], [[1e-6, 1e-6]]),
        lambda: Faults([[-1e-6]], [[HEALTHY]]),
        lambda: Faults([[np.inf]], [[HEALTHY]]),
        lambda: Faults.stuck((2, 2), 1.5),
        lambda: Faults.stuck((2, 2), 0.5, at=-1.0),
        lambda: Faults.stuck((2, 2), 0.5, at=HEALTHY),
    ],
)
def test_faults_that_cannot_be_are_refused(make):
    with pytest.raises(DeviceError):
        make()
