"""Mappings: whatever arrays hold them, weights are those that were asked for, as near as the devices allow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.crossbar.assembly import Assembly
from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.pair import PairCrossbar
from neuro.crossbar.sliced import digits
from neuro.errors import DeviceError, ParameterError, UnknownName, UnsupportedFeature, WeightError
from neuro.units import ms

LEVELS = Device("levels", 10e-6, 100e-6, levels=16)
MAPPINGS = {
    "pair": {},
    "offset": {"mapping": "offset"},
    "slices": {"mapping": "slices", "slices": 3, "base": 4},
    "tiles": {"tile": (4, 3)},
    "tiled offset": {"mapping": "offset", "tile": (5, 4)},
    "tiled slices": {"mapping": "slices", "base": 4, "tile": (4, 8)},
}
every = pytest.mark.parametrize("options", MAPPINGS.values(), ids=MAPPINGS)


def random_weights(shape=(9, 7), seed=0):
    return np.random.default_rng(seed).uniform(-2, 2, shape)


@every
def test_ideal_devices_hold_the_weights_exactly(options):
    weights = random_weights()
    crossbar = Crossbar(weights, **options)
    assert isinstance(crossbar, AbstractCrossbar)
    assert crossbar.shape == weights.shape
    assert np.abs(crossbar.effective_weights() - weights).max() <= 1e-12
    assert np.abs(crossbar.transposed_weights() - weights.T).max() <= 1e-12
    assert crossbar.effective_weights() is crossbar.effective_weights()
    with pytest.raises(ValueError, match="read-only"):
        crossbar.effective_weights()[0, 0] = 1.0


@every
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_ideal_devices_hold_any_weights_exactly(options, data):
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    values = data.draw(st.lists(st.floats(-1, 1), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    weights = np.array(values).reshape(shape)
    crossbar = Crossbar(weights, w_max=1.0, **options)
    assert np.abs(crossbar.effective_weights() - weights).max() <= 1e-12


@every
def test_closed_loops_name_a_stuck_device_in_every_mapping(options):
    stuck = np.full((9, 7), np.nan)
    stuck[2, 3] = 10e-6
    faults = Faults(stuck, np.full((9, 7), np.nan))
    crossbar = Crossbar(np.zeros((9, 7)), LEVELS, faults=faults, w_max=2.0, **options)
    found = crossbar.write_verify(np.full((9, 7), 1.9), rounds=2)
    assert (found.missed[0].array, found.missed[0].row, found.missed[0].column) == ("plus", 2, 3)
    assert f"({found.missed[0].row}, {found.missed[0].column})" in str(found)
    assert ("of slice 0" in str(found)) == ("slices" in options.get("mapping", ""))


@pytest.mark.parametrize("name", ["pair", "offset", "tiles", "tiled offset"])
def test_a_copy_and_its_original_draw_the_same_trains_and_writes_each_by_itself(name):
    def learn(crossbar):
        met = crossbar.coincide(np.full(9, 0.5), np.full(7, 0.5), 0.3).pulses
        crossbar.accumulate(np.full((9, 7), 0.4))
        return met, crossbar.effective_weights().copy()

    noisy = Device("noisy", 10e-6, 100e-6, levels=16, write_noise=1e-6)
    original = Crossbar(random_weights(), noisy, seed=3, **MAPPINGS[name])
    alone, other = original.copy(), original.copy()
    expected = [learn(alone) for _ in range(3)]
    found = [(learn(original), learn(other)) for _ in range(3)]
    for (pulses, weights), pair in zip(expected, found, strict=True):
        for other_pulses, other_weights in pair:
            assert np.array_equal(other_pulses, pulses)
            assert np.array_equal(other_weights, weights)


STEPS = {"pair": 15, "offset": 7, "slices": 63, "tiles": 15, "tiled offset": 7, "tiled slices": 15}


@pytest.mark.parametrize("name", MAPPINGS)
def test_levels_round_a_weight_to_half_a_step_at_most(name):
    weights = random_weights()
    crossbar = Crossbar(weights, LEVELS, w_max=2.0, **MAPPINGS[name])
    error = np.abs(crossbar.effective_weights() - weights)
    half = 2.0 / STEPS[name] / 2
    assert error.max() <= half * (1 + 1e-9)
    assert error.max() > 0.5 * half


@every
def test_reads_are_products_with_the_weights_both_ways(options):
    crossbar = Crossbar(random_weights(), load_device("taox_64x64"), **options)
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, 3, 9), rng.normal(0, 1, 7)
    np.testing.assert_allclose(crossbar.read(rows), rows @ crossbar.effective_weights(), atol=1e-12)
    np.testing.assert_allclose(crossbar.read_columns(columns), crossbar.effective_weights() @ columns, atol=1e-12)
    np.testing.assert_allclose(crossbar.T.read(columns), crossbar.effective_weights() @ columns, atol=1e-12)


@every
def test_programming_rewrites_what_differs(options):
    crossbar = Crossbar(random_weights(), w_max=2.0, **options)
    other = random_weights(seed=5)
    version = crossbar.version
    assert crossbar.program(other) > 0
    assert crossbar.version > version
    assert np.abs(crossbar.effective_weights() - other).max() <= 1e-12
    assert crossbar.program(other) == 0


@pytest.mark.parametrize("name", ["offset", "tiles", "tiled offset"])
@pytest.mark.parametrize("device", ["ideal", "taox_64x64", "EcRam"])
def test_learning_moves_each_weight_by_what_its_register_gives_away(name, device):
    noiseless = load_device(device).noiseless()
    crossbar = Crossbar(np.zeros((9, 7)), noiseless, w_max=1.0, **MAPPINGS[name])
    dw = random_weights(seed=3) * 0.1
    before = crossbar.effective_weights().copy()
    for _ in range(3):
        crossbar.accumulate(dw, 1000)
    moved = crossbar.effective_weights() - before
    given = 3 * dw - crossbar.register if device != "ideal" else 3 * dw
    tolerance = 1e-12 if device != "EcRam" else 0.35 * np.abs(given).max()
    # A pair of devices without a law at the end of its window has nowhere to go but by the other one.
    wanted = given if "offset" in name or device == "ideal" else None
    if wanted is not None:
        np.testing.assert_allclose(moved, wanted, atol=tolerance)
    assert (np.sign(moved) * np.sign(given) >= 0).all()


def test_a_pulse_moves_one_device_where_the_reference_is_shared():
    crossbar = Crossbar(np.zeros((3, 4)), load_device("taox_64x64").noiseless(), w_max=1.0, mapping="offset")
    reference = crossbar.conductance_minus.copy()
    sent = crossbar.accumulate(np.full((3, 4), 0.1))
    counts = crossbar.ledger.as_dict()
    assert sent == counts["pulses_up"] == 12 * 3
    assert counts["writes"] == 3 * 4 + 3
    assert (crossbar.conductance_minus == reference).all()
    assert (crossbar.ledger.plus == 3).all()
    assert (crossbar.ledger.minus == 0).all()


def test_the_error_of_a_reference_is_common_to_its_row():
    noisy = Device("noisy", 0.0, 100e-6, write_noise=2e-6)
    crossbar = Crossbar(np.zeros((400, 3)), noisy, w_max=1.0, mapping="offset")
    weights = crossbar.effective_weights()
    assert np.corrcoef(weights[:, 0], weights[:, 1])[0, 1] == pytest.approx(0.5, abs=0.15)


def test_outer_products_reach_every_tile():
    crossbar = Crossbar(np.zeros((9, 7)), LEVELS, w_max=1.0, start=0.5, tile=(4, 3))
    x, d = np.random.default_rng(0).normal(0, 1, 9), np.random.default_rng(1).normal(0, 1, 7)
    met = crossbar.coincide(x, d, 0.5, trains="deterministic", length=64)
    assert met.pulses.shape == (9, 7)
    assert (np.sign(met.pulses) * np.sign(np.outer(x, d)) >= 0).all()
    np.testing.assert_allclose(crossbar.effective_weights(), 2 * met.pulses / 15, atol=1e-12)


@pytest.mark.parametrize("name", MAPPINGS)
def test_closed_loop_writes_reach_every_healthy_device(name):
    options = MAPPINGS[name] | ({"base": 8} if "slices" in name else {})
    crossbar = Crossbar(np.zeros((9, 7)), load_device("taox_64x64"), w_max=2.0, **options)
    found = crossbar.write_verify(random_weights(), tolerance=2e-6)
    assert not found.missed
    assert found.target.shape[0] == 2


def test_tiles_have_their_own_faults_noise_and_ledgers():
    device = load_device("taox_64x64")
    faults = Faults.lines((9, 7), rows=[8])
    crossbar = Crossbar(np.zeros((9, 7)), device, faults=faults, w_max=1.0, start=0.5, tile=(4, 4))
    assert isinstance(crossbar, Assembly)
    assert [part.crossbar.shape for part in crossbar.parts] == [(4, 4), (4, 3), (4, 4), (4, 3), (1, 4), (1, 3)]
    assert (crossbar.effective_weights()[8] == 0).all()
    tiles = crossbar.arrays
    assert (tiles[0].conductance_plus != tiles[2].conductance_plus).any()
    crossbar.read(np.ones(9))
    assert crossbar.ledger.row_reads == 18, "each row is driven in two tiles"
    assert tiles[0].ledger.row_reads == 4
    crossbar.count_reads(np.arange(9))
    assert crossbar.ledger.row_reads == 18 + 2 * 36
    assert crossbar.ledger.writes == 2 * 63


def test_counts_of_a_tiled_matrix_need_their_lines():
    with pytest.raises(UnsupportedFeature, match="which lines"):
        Crossbar(np.zeros((9, 7)), tile=(4, 4)).count_reads(5)


@every
def test_a_copy_is_independent_and_draws_the_same(options):
    kwargs = options | ({"base": 8} if "slices" in str(options) else {})
    crossbar = Crossbar(random_weights(), load_device("taox_64x64"), w_max=2.0, **kwargs)
    twin = crossbar.copy()
    twin.program(-random_weights())
    assert (twin.effective_weights() != crossbar.effective_weights()).any()
    crossbar.program(-random_weights())
    assert twin.effective_weights().tobytes() == crossbar.effective_weights().tobytes()


@every
def test_a_network_runs_on_any_mapping(options):
    weights = np.abs(random_weights())
    spikes = []
    for synapses in (nr.Dense(weights), Crossbar(weights, **options)):
        net = nr.Network(seed=0)
        one = net.add(nr.Population("one", 9, nr.SpikeSource()))
        two = net.add(nr.Population("two", 7, nr.LIF(tau_m=20 * ms, v_th=3.0)))
        net.connect(one, two, synapses, delay=1 * ms)
        times, ids = np.linspace(1e-3, 40e-3, 60), np.arange(60) % 9
        spikes.append(nr.run(net, 0.05, inputs={"one": nr.Spikes(times, ids)}).spikes["two"])
    assert len(spikes[0]) > 10
    assert (spikes[0].ids == spikes[1].ids).all()
    np.testing.assert_allclose(spikes[0].times, spikes[1].times, atol=1e-12)
    if isinstance(synapses, Assembly) or options:
        assert synapses.ledger.row_reads >= 60


@given(
    share=st.lists(st.floats(-1, 1), min_size=1, max_size=20),
    base=st.integers(2, 17),
    slices=st.integers(1, 4),
    whole=st.booleans(),
)
@settings(deadline=None, max_examples=200)
def test_digits_put_together_are_the_number(share, base, slices, whole):
    share = np.array(share)
    top = base**slices - 1
    found = digits(share, base, slices, whole)
    total = sum(digit * base ** (slices - 1 - k) for k, digit in enumerate(found))
    assert np.abs(total - share * top).max() <= (0.5 if whole else 0) + 1e-9 * top
    for digit in found:
        assert np.abs(digit).max() <= base - 1 + 1e-9
        assert not whole or (digit == np.rint(digit)).all()


@pytest.mark.parametrize(
    ("error", "message", "given_"),
    [
        (UnknownName, "offset, pair, slices", {"mapping": "columns"}),
        (ParameterError, "tile", {"tile": (0, 3)}),
        (ParameterError, "tile", {"tile": 4}),
        (DeviceError, "base", {"mapping": "slices", "base": 5, "device": LEVELS}),
        (DeviceError, "base", {"mapping": "slices", "base": 1}),
        (UnsupportedFeature, "start", {"mapping": "slices", "start": 0.5}),
        (UnsupportedFeature, "start", {"mapping": "offset", "start": 0.5}),
        (WeightError, "window", {"mapping": "offset", "w_max": 0.5}),
        (WeightError, "w_max", {"mapping": "slices", "w_max": 0.5}),
        (WeightError, "shape", {"mapping": "offset", "weights": [1.0]}),
    ],
)
def test_what_cannot_be_mapped_is_refused(error, message, given_):
    with pytest.raises(error, match=message):
        Crossbar(**({"weights": [[1.0, -1.0]]} | given_))


def test_slices_are_not_learned_on():
    with pytest.raises(UnsupportedFeature, match="carry"):
        Crossbar([[1.0]], mapping="slices").accumulate([[0.1]])
    with pytest.raises(UnsupportedFeature, match="carry"):
        Crossbar([[1.0]], mapping="slices").coincide([1.0], [1.0])


WIRES = nr.Wires(row=2.0, column=3.0)


@pytest.mark.parametrize("name", ["tiles", "tiled offset", "slices", "offset"])
def test_every_array_of_a_mapping_has_its_wires(name):
    weights = random_weights()
    bare, wired = (Crossbar(weights, LEVELS, wires, **MAPPINGS[name]) for wires in (None, WIRES))
    loss = np.abs(wired.effective_weights() - bare.effective_weights())
    assert 1e-4 < loss.max() < 0.1
    rows = np.arange(9.0)
    np.testing.assert_allclose(wired.read(rows), rows @ wired.effective_weights(), rtol=1e-9, atol=1e-12)
    columns = np.arange(7.0)
    np.testing.assert_allclose(wired.read_columns(columns), columns @ wired.transposed_weights(), rtol=1e-9, atol=1e-12)


def test_small_tiles_lose_less_to_the_wires_than_one_large_array():
    weights = np.ones((32, 32))
    losses = [
        np.abs(Crossbar(weights, None, nr.Wires(row=5.0, column=5.0), tile=tile).effective_weights() - 1).max()
        for tile in ((32, 32), (16, 16), (8, 8))
    ]
    assert losses[0] > losses[1] > losses[2]


def test_an_offset_column_is_the_difference_of_two_columns_of_its_array():
    crossbar = Crossbar(random_weights(), LEVELS, WIRES, mapping="offset")
    whole = crossbar.arrays[0].effective_conductance()
    assert whole.shape == (9, 8)
    wanted = crossbar.scale * (whole[:, :-1] - whole[:, -1:])
    np.testing.assert_allclose(crossbar.effective_weights(), wanted, rtol=1e-12)
    assert (crossbar.arrays[0].conductance_minus == 0).all()


@every
def test_single_rows_add_up_to_a_read(options):
    crossbar = Crossbar(random_weights(), w_max=2.0, **options)
    found = crossbar.read_rows([0, 8, 0, 3])
    drive = np.bincount([0, 8, 0, 3], minlength=9)
    np.testing.assert_allclose(found, drive @ crossbar.effective_weights(), atol=1e-12)


@pytest.mark.parametrize("name", ["tiles", "offset", "tiled slices"])
def test_energy_and_noise_of_all_arrays_count(name):
    reading = nr.Reading(voltage=0.2, duration=10e-9, noise=0.05)
    crossbar = Crossbar(random_weights(), None, WIRES, reading=reading, w_max=2.0, **MAPPINGS[name])
    assert crossbar.fluctuates
    quiet = np.ones(9) @ crossbar.effective_weights()
    reads = np.array([crossbar.read(np.ones(9)) for _ in range(3)])
    assert (reads[0] != reads[1]).any()
    assert np.abs(reads - quiet).max() < 5
    total = sum(array.ledger.total for array in crossbar.arrays)
    assert crossbar.ledger.total == pytest.approx(total, rel=1e-12)
    assert crossbar.ledger.total > 0
    frozen = crossbar.snapshot()
    assert np.abs(frozen.effective_weights() - crossbar.effective_weights()).max() > 1e-4
    assert frozen.effective_weights() is frozen.effective_weights()
    net = nr.Network(seed=0)
    one, two = net.add(nr.Population("one", 9, nr.SpikeSource())), net.add(nr.Population("two", 7, nr.IF(v_th=9.0)))
    with pytest.raises(UnsupportedFeature, match="snapshot"):
        nr.build(_connected(one, two, net, crossbar))
    net = nr.Network(seed=0)
    one, two = net.add(nr.Population("one", 9, nr.SpikeSource())), net.add(nr.Population("two", 7, nr.IF(v_th=9.0)))
    nr.run(_connected(one, two, net, frozen), 0.01, inputs={"one": nr.Spikes([1e-3], [2])})


def _connected(one, two, net, synapses):
    net.connect(one, two, synapses, delay=1 * ms)
    return net


@every
def test_every_crossbar_is_of_a_final_kind_and_is_built_of_arrays_of_pairs(options):
    crossbar = nr.Crossbar(random_weights(), **options)
    assert isinstance(crossbar, nr.AbstractCrossbar)
    assert type(crossbar).__final__
    assert all(type(array) is PairCrossbar for array in crossbar.arrays)
    assert crossbar.learns_in_run == (crossbar.arrays == (crossbar,))


def test_options_of_slices_belong_to_slices():
    with pytest.raises(ParameterError, match="slices"):
        nr.Crossbar([[1.0]], base=4)


@pytest.mark.parametrize("options", [{"tile": (4, 4)}, {"mapping": "offset"}])
def test_what_only_a_single_array_has_is_refused_by_name(options):
    crossbar = Crossbar(random_weights(), **options)
    for ask in (crossbar.effective_conductance, lambda: crossbar.solve(np.ones(9))):
        with pytest.raises(UnsupportedFeature, match="only a single array of pairs"):
            ask()


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("mapping", ["pair", "offset"])
def test_a_device_at_the_end_of_its_window_is_not_written_beyond_it(way, mapping):
    crossbar = Crossbar([[0.0, way * 0.75]], Device("c", 10e-6, 100e-6), w_max=1.0, mapping=mapping)
    crossbar.accumulate([[0.0, way * 5.0]], policy="one_sided")
    assert crossbar.effective_weights() == pytest.approx(np.array([[0.0, way]]), abs=1e-12)
    pulses = crossbar.ledger.plus.sum() + crossbar.ledger.minus.sum()
    assert crossbar.accumulate([[0.0, way * 0.5]], policy="one_sided") == 0
    assert crossbar.ledger.plus.sum() + crossbar.ledger.minus.sum() == pulses
    assert crossbar.effective_weights() == pytest.approx(np.array([[0.0, way]]), abs=1e-12)
