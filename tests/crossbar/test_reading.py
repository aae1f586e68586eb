"""Reading: noise has the spectrum and the variation it says, single rows cost what they cost, and joules close."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngspice import NEEDS_NGSPICE, run
from scipy.signal import welch

import neuro as nr
from neuro.crossbar.circuit.circuit import Circuit
from neuro.crossbar.circuit.netlist import deck
from neuro.crossbar.circuit.nodal import solve_nodes
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.iv import Sinh
from neuro.crossbar.device.noise import Drift, Flicker, Telegraph
from neuro.crossbar.factory import Crossbar, crossbar_from_conductance
from neuro.crossbar.read.settings import Converter, Reading
from neuro.errors import DeviceError, InputError, ParameterError, UnknownName, UnsupportedFeature

laws = settings(deadline=None, max_examples=30)
INACTIVE = ("ground", "float", "gate")
PRICED = Reading(voltage=0.2, duration=10e-9)


def crossbar_of(shape=(8, 6), wires=None, reading=None, seed=0):
    rng = np.random.default_rng(seed)
    plus, minus = 10 ** rng.uniform(-6, -3, (2, *shape))
    return crossbar_from_conductance(plus, minus, wires, reading=reading, seed=seed)


def wires_of(inactive="ground"):
    return Wires(5.0, 9.0, 20.0, 10.0, inactive)


@pytest.mark.parametrize("inactive", INACTIVE)
@pytest.mark.parametrize("noise", [0.0, 0.02])
@given(st.lists(st.integers(0, 7), max_size=30), st.integers(0, 30))
@laws
def test_reads_of_single_rows_are_the_same_bits_however_they_are_grouped(inactive, noise, rows, cut):
    reading = Reading(voltage=0.2, duration=10e-9, noise=noise)
    whole, parts, single = (crossbar_of((8, 6), wires_of(inactive), reading, seed=5) for _ in range(3))
    together = whole.read_rows(rows)
    apart = parts.read_rows(rows[:cut])
    parts.read_rows(rows[cut:], out=apart)
    one_by_one = np.zeros(6)
    for row in rows:
        single.read_rows([row], out=one_by_one)
    np.testing.assert_array_equal(together, apart)
    np.testing.assert_array_equal(together, one_by_one)
    assert whole.ledger.joules == parts.ledger.joules == single.ledger.joules
    assert whole.ledger.as_dict() == single.ledger.as_dict()


@pytest.mark.parametrize("inactive", INACTIVE)
def test_a_row_read_by_itself_is_its_row_of_the_weights(inactive):
    crossbar = crossbar_of(wires=wires_of(inactive))
    wanted = crossbar.effective_weights()[[2, 5, 2]].sum(axis=0)
    np.testing.assert_allclose(crossbar.read_rows([2, 5, 2]), wanted, rtol=1e-14)
    assert crossbar.ledger.row_reads == 3


def test_read_noise_is_one_normal_for_each_column_with_the_spread_of_its_devices():
    reads = 20_000
    crossbar = crossbar_of((4, 3), reading=Reading(noise=0.05))
    drive = np.array([1.0, -2.0, 0.0, 0.5])
    values = np.array([crossbar.read(drive) for _ in range(reads)])
    plus, minus = crossbar.conductance_plus, crossbar.conductance_minus
    wanted = np.sqrt(0.05**2 * drive**2 @ (plus**2 + minus**2))
    np.testing.assert_allclose(values.std(axis=0) / wanted, 1, atol=4 / np.sqrt(2 * reads))
    np.testing.assert_allclose((values.mean(axis=0) - drive @ (plus - minus)) / wanted, 0, atol=4 / np.sqrt(reads))
    assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 4 / np.sqrt(reads)
    single = np.array([crossbar.read_rows([1]) for _ in range(reads)])
    np.testing.assert_allclose(single.std(axis=0) / np.hypot(plus, minus)[1] / 0.05, 1, atol=4 / np.sqrt(2 * reads))


def test_same_seed_same_noise_and_a_copy_draws_what_the_original_would_have():
    reading = Reading(noise=0.05, flicker=Flicker(amplitude=0.01, low=1.0, high=100.0))
    one, two, other = (crossbar_of(reading=reading, seed=seed) for seed in (1, 1, 2))
    drive = np.ones(8)
    np.testing.assert_array_equal(one.read(drive, at=0.1), two.read(drive, at=0.1))
    assert not np.array_equal(one.read(drive), other.read(drive))
    copied = one.copy()
    np.testing.assert_array_equal(one.read(drive, at=0.2), copied.read(drive, at=0.2))


def test_the_spectrum_of_flicker_noise_falls_as_one_over_f_over_three_decades():
    noise, rate = Flicker(amplitude=0.01, low=1.0, high=1e3), 8e3
    rng = np.random.default_rng(0)
    devices, steps = 64, 2**16
    states = noise.start(devices, rng)
    course = np.empty((steps, devices))
    for k in range(steps):
        states = noise.after(states, 1 / rate, rng)
        course[k] = states.sum(axis=1)
    frequency, density = welch(course, rate, nperseg=2**14, axis=0, detrend=False)
    inside = (frequency >= 1.0) & (frequency <= 1e3)
    frequency, density = frequency[inside], density[inside].mean(axis=1)
    # Equal weight for each decade.
    bins = np.digitize(np.log10(frequency), np.linspace(0, 3, 25)) - 1
    used = [np.flatnonzero(bins == b) for b in range(24) if (bins == b).any()]
    x = [np.log(frequency[at]).mean() for at in used]
    y = [np.log(density[at]).mean() for at in used]
    slope, offset = np.polyfit(x, y, 1)
    assert slope == pytest.approx(-1, abs=0.05)
    assert np.exp(offset) == pytest.approx(noise.amplitude**2, rel=0.1)


def test_dwell_times_of_telegraph_noise_are_exponential_with_the_means_given():
    trap = Telegraph(amplitude=0.2, dwell_high=3e-3, dwell_low=1e-3)
    times, high = trap.path(200.0, np.random.default_rng(1))
    dwell = np.diff(times)
    after_first = dwell[1::2] if high else dwell[0::2]
    before = dwell[0::2] if high else dwell[1::2]
    # The first switch leaves the first state: odd dwells are of that state again.
    assert before.size > 40_000
    for dwells, mean in ((after_first, 3e-3), (before, 1e-3)):
        assert dwells.mean() == pytest.approx(mean, rel=0.02)
        assert dwells.std() == pytest.approx(mean, rel=0.03)


def test_telegraph_states_at_chosen_times_have_the_statistics_of_the_path():
    trap = Telegraph(amplitude=0.2, dwell_high=3e-3, dwell_low=1e-3)
    rng = np.random.default_rng(2)
    size = 200_000
    start = trap.start(size, rng)
    later = trap.after(start, 0.5e-3, rng)
    stay = later[start == 1].mean(), 1 - later[start == 0].mean()
    decay = np.exp(-0.5e-3 / trap.tau)
    wanted = 0.75 + 0.25 * decay, 0.25 + 0.75 * decay
    np.testing.assert_allclose(stay, wanted, atol=5e-3)
    np.testing.assert_allclose([start.mean(), later.mean()], 0.75, atol=5e-3)


def test_conductances_drift_with_the_exponent_of_their_device():
    drift = Drift(exponent=0.05, variation=0.01, reference=1.0)
    crossbar = crossbar_of((40, 40), reading=Reading(drift=drift))
    assert crossbar.read(np.eye(40)[3], at=0.5) == pytest.approx(crossbar.effective_weights()[3])
    ages = np.array([1.0, 10.0, 1e3, 1e5])
    held = np.array([np.stack([c.conductance for c in _arrays_at(crossbar, age)]) for age in ages])
    slopes = np.log(held[1:] / held[0]) / np.log(ages[1:])[:, None, None, None]
    np.testing.assert_allclose(slopes[0], slopes[-1], rtol=1e-9)
    assert -slopes[0].mean() == pytest.approx(0.05, rel=0.01)
    assert slopes[0].std() == pytest.approx(0.01, rel=0.1)


def _arrays_at(crossbar, at):
    return crossbar.snapshot(at=at).circuits


def test_reads_go_forward_in_time_only():
    crossbar = crossbar_of(reading=Reading(telegraph=Telegraph(amplitude=0.1, dwell_high=1.0, dwell_low=1.0)))
    now = crossbar.read(np.ones(8), at=2.0)
    np.testing.assert_array_equal(crossbar.read(np.ones(8)), now)
    with pytest.raises(ParameterError, match="reads follow each other in time"):
        crossbar.read(np.ones(8), at=1.0)


def test_a_network_refuses_reads_with_noise_and_takes_a_frozen_draw():
    crossbar = crossbar_of((3, 4), reading=Reading(voltage=0.2, duration=1e-8, noise=0.3))
    snapshot = crossbar.snapshot()

    def network(synapses):
        net = nr.Network()
        source = net.add(nr.Population("in", 3, nr.SpikeSource()))
        target = net.add(nr.Population("out", 4, nr.LIF(tau_m=10e-3, v_th=1.0)))
        net.connect(source, target, synapses, delay=1e-3)
        return net

    for noisy in (crossbar, crossbar_of((4, 3), reading=crossbar.reading).T):
        with pytest.raises(UnsupportedFeature, match="reads have noise or drift"):
            nr.build(network(noisy))
    nr.run(network(snapshot), 0.1, inputs={"in": nr.Spikes([1e-3, 2e-3, 3e-3], [0, 1, 1])})
    assert crossbar.ledger.row_reads == 3
    weights = snapshot.effective_weights()
    assert np.abs(weights / crossbar.effective_weights() - 1).max() > 0.01
    taken = [sum(c.conductance.sum(axis=1) for c in snapshot.circuits)[row] for row in (0, 1, 1)]
    assert crossbar.ledger.total == pytest.approx(0.2**2 * 1e-8 * sum(taken), rel=1e-12)
    assert not np.array_equal(crossbar.snapshot().effective_weights(), weights)


@pytest.mark.parametrize("inactive", INACTIVE)
def test_the_ledger_closes_over_the_events_of_a_run(inactive):
    """Every spike is a read of one row by itself, V^2 times its input conductance, found node by node."""
    wires = wires_of(inactive)
    crossbar = crossbar_of((8, 6), wires, PRICED)
    net = nr.Network()
    source = net.add(nr.Population("in", 8, nr.PoissonSource(rate=100.0)))
    target = net.add(nr.Population("out", 6, nr.LIF(tau_m=10e-3, v_th=1.0)))
    net.connect(source, target, crossbar, delay=1e-3)
    spikes = nr.run(nr.build(net), 1.0, seed=3).spikes["in"]
    joules = 0.0
    for held in (crossbar.conductance_plus, crossbar.conductance_minus):
        for row in spikes.ids:
            volts = np.where(np.arange(8) == row, 0.2, 0.0)
            cells = np.where(volts[:, None] > 0, held, 0.0) if inactive == "gate" else held
            found = solve_nodes(cells, wires, volts, volts > 0 if inactive == "float" else None)
            joules += volts @ found.rows * 10e-9
    assert spikes.ids.size > 500
    assert crossbar.ledger.total == pytest.approx(joules, rel=1e-9)
    assert crossbar.ledger.events["read_plus"] == crossbar.ledger.row_reads == spikes.ids.size


@pytest.mark.parametrize("inactive", INACTIVE)
def test_rows_read_together_take_the_bilinear_power(inactive):
    crossbar = crossbar_of((8, 6), wires_of(inactive), PRICED)
    rng = np.random.default_rng(1)
    joules = 0.0
    for _ in range(5):
        drive = np.where(rng.random(8) < 0.5, rng.uniform(-1, 1, 8), 0.0)
        crossbar.read(drive)
        for held in (crossbar.conductance_plus, crossbar.conductance_minus):
            cells = np.where(drive[:, None] != 0, held, 0.0) if inactive == "gate" else held
            found = solve_nodes(cells, crossbar.wires, 0.2 * drive, drive != 0 if inactive == "float" else None)
            joules += 0.2 * drive @ found.rows * 10e-9
    assert crossbar.ledger.total == pytest.approx(joules, rel=1e-9)


def test_without_wires_energy_is_voltage_squared_times_conductance():
    crossbar = crossbar_of(reading=PRICED)
    crossbar.count_reads([1, 0, 0, 2, 0, 0, 0, 0], columns=[0, 3, 0, 0, 0, 0])
    held = crossbar.conductance_plus + crossbar.conductance_minus
    wanted = held.sum(axis=1)[[0, 3, 3]].sum() + 3 * held.sum(axis=0)[1]
    assert crossbar.ledger.total == pytest.approx(0.2**2 * 10e-9 * wanted, rel=1e-12)


def test_reads_are_priced_at_the_conductances_of_their_time():
    crossbar = nr.Crossbar(np.full((2, 2), 0.5), wires=Wires(10.0, 10.0), w_max=1.0, reading=PRICED)
    before = crossbar.copy()
    crossbar.count_reads([1, 1])
    crossbar.accumulate(np.full((2, 2), 0.4))
    before.count_reads([1, 1])
    assert crossbar.ledger.total == pytest.approx(before.ledger.total, rel=1e-12)
    crossbar.count_reads([1, 1])
    assert crossbar.ledger.total > 2.1 * before.ledger.total


@NEEDS_NGSPICE
def test_the_ledger_is_what_a_transient_of_ngspice_takes_from_the_drivers():
    crossbar = crossbar_of((16, 16), Wires(5.0, 5.0, 50.0, 50.0), PRICED, seed=4)
    rows = [3, 0, 15, 3, 7]
    pulses = [[(2e-8 * k, 10e-9, 0.2) for k, row in enumerate(rows) if row == line] for line in range(16)]
    text = deck(dict(zip("pn", crossbar.circuits, strict=True)), np.zeros(16), np.zeros(16), "reads", pulses)
    power = "+".join(f"v({array}_d{row})*(-i(v{array}_d{row}))" for array in "pn" for row in range(16))
    text = re.sub(r"print .*\n", "", text).replace(".endc", f"let p={power}\nmeas tran e INTEG p\n.endc")
    found = re.search(r"^e\s*=\s*(\S+)", run(text), re.MULTILINE)
    crossbar.read_rows(rows)
    assert crossbar.ledger.total == pytest.approx(float(found[1]), rel=1e-3)


def test_causes_sum_to_the_total_and_converters_and_drivers_are_counted():
    reading = Reading(
        voltage=0.2, duration=10e-9, dac=Converter(8, -1, 1, 1e-13), adc=Converter(6, -1e-3, 1e-3, 2e-12),
        driver_energy=3e-13,
    )  # fmt: skip
    crossbar = crossbar_of(reading=reading)
    out = crossbar.read([1, 0, -1, 0, 0, 0.5, 0, 0])
    ledger = crossbar.ledger
    assert ledger.events["driver"] == 3
    assert ledger.joules["driver"] == pytest.approx(9e-13)
    assert ledger.events["converter"] == 3 + 6
    assert ledger.joules["converter"] == pytest.approx(3e-13 + 12e-12)
    assert ledger.total == pytest.approx(sum(ledger.joules.values()), rel=1e-15)
    step = 2e-3 / 63
    np.testing.assert_allclose((out + 1e-3) / step, np.rint((out + 1e-3) / step), atol=1e-9)
    both = ledger + ledger.copy()
    assert both.total == pytest.approx(2 * ledger.total)
    assert both.events["converter"] == 18


def test_a_total_that_needs_an_unknown_energy_is_refused():
    silent = crossbar_of()
    silent.read(np.ones(8))
    unknown = crossbar_of(reading=PRICED)
    unknown.count_reads(5)
    for crossbar in (silent, unknown):
        assert crossbar.ledger.unpriced > 0
        with pytest.raises(ParameterError, match="a total needs the energy of every read"):
            _ = crossbar.ledger.total
    with pytest.raises(UnknownName, match="half_select"):
        silent.ledger.add("heat", 1, 1.0)


@pytest.mark.parametrize("bits", [1, 4])
def test_a_converter_gives_the_nearest_of_its_levels(bits):
    converter = Converter(bits, -1.0, 1.0)
    levels = np.linspace(-1, 1, 2**bits)
    values = np.random.default_rng(0).uniform(-1.5, 1.5, 200)
    nearest = levels[np.abs(values[:, None] - levels).argmin(axis=1)]
    np.testing.assert_allclose(converter.convert(values), nearest, atol=1e-12)


@pytest.mark.parametrize("wires", [None, Wires(20.0, 50.0)])
def test_curved_devices_are_read_at_the_voltage_of_the_read(wires):
    reading = Reading(voltage=0.3, duration=1e-8, curve=Sinh(0.2))
    crossbar = crossbar_of((5, 4), wires, reading)
    plus, minus = crossbar.conductance_plus, crossbar.conductance_minus

    def currents(volts):
        return sum(
            s * solve_nodes(g, wires or Wires(), volts, curve=Sinh(0.2)).columns for s, g in ((1, plus), (-1, minus))
        )

    drive = np.array([1.0, 0.0, -0.5, 2.0, 0.1])
    np.testing.assert_allclose(crossbar.read(drive), currents(0.3 * drive) / 0.3, rtol=1e-9)
    np.testing.assert_allclose(crossbar.effective_weights()[2], currents(0.3 * np.eye(5)[2]) / 0.3, rtol=1e-9)
    if wires is None:
        wanted = 0.2 * np.sinh(0.3 * drive / 0.2) @ (plus - minus) / 0.3
        np.testing.assert_allclose(crossbar.read(drive), wanted, rtol=1e-12)
    assert crossbar.ledger.total > 0


def test_newton_finds_the_currents_far_above_the_bend():
    circuit = Circuit(np.full((6, 6), 1e-4), Wires(100.0, 100.0), Sinh(0.05))
    volts = np.linspace(0.5, 3.0, 6)
    found = solve_nodes(circuit.conductance, circuit.wires, volts, curve=Sinh(0.05))
    assert found.rows.sum() == pytest.approx(found.columns.sum(), rel=1e-9)
    assert (found.columns > 0).all()


def test_everything_off_is_the_matrix_product():
    rng = np.random.default_rng(0)
    weights, drive = rng.uniform(-1, 1, (30, 20)), rng.uniform(-1, 1, 30)
    crossbar = nr.Crossbar(weights, wires=Wires(), reading=Reading())
    np.testing.assert_allclose(crossbar.read(drive), drive @ weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(crossbar.read_rows([3, 4, 3]), weights[[3, 4, 3]].sum(axis=0), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("error", "match", "make"),
    [
        (DeviceError, "`reading` must be a Reading", lambda: Crossbar([[1.0]], reading=0.1)),
        (ParameterError, "needs the voltage", lambda: Reading(curve=Sinh(0.1))),
        (ParameterError, "Reading.noise", lambda: Reading(noise=-0.1)),
        (ParameterError, "greater than zero", lambda: Sinh(0.0)),
        (ParameterError, "Converter.bits: must be a whole number, at least 1, at most 32", lambda: Converter(0, 0, 1)),
        (ParameterError, "`high` must be above", lambda: Converter(4, 1, 1)),
        (ParameterError, "`high` must be above", lambda: Flicker(amplitude=1e-3, low=10, high=1)),
        (ParameterError, "Telegraph.dwell_low", lambda: Telegraph(amplitude=1e-3, dwell_high=1, dwell_low=0)),
        (ParameterError, "above -1", lambda: Telegraph(amplitude=-1, dwell_high=1, dwell_low=1)),
        (ParameterError, "Drift.variation", lambda: Drift(exponent=0.1, reference=1.0, variation=-1)),
        (InputError, "ids must lie in 0..0", lambda: Crossbar([[1.0]]).read_rows([1])),
        (InputError, "writeable array of 1 float64", lambda: Crossbar([[1.0]]).read_rows([0], out=np.zeros(2))),
        (
            UnsupportedFeature,
            "no an ADC",
            lambda: Crossbar([[1.0]], reading=Reading(adc=Converter(4, 0, 1))).read_rows([0]),
        ),
    ],
)
def test_what_is_refused_is_refused_by_name(error, match, make):
    with pytest.raises(error, match=match):
        make()
