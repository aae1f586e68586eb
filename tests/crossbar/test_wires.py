"""Wires: the currents are those of every other solver of the same circuit, and the formulas those of fresh solves."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngspice import NEEDS_NGSPICE, printed

import neuro as nr
from neuro.crossbar.circuit.circuit import Circuit
from neuro.crossbar.circuit.netlist import deck
from neuro.crossbar.circuit.nodal import nodes, solve_nodes
from neuro.crossbar.circuit.terminals import Terminals, fresh_currents, relaxed_currents
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.iv import Sinh
from neuro.crossbar.factory import crossbar_from_conductance
from neuro.errors import DeviceError, InputError, ParameterError, UnknownName

laws = settings(deadline=None, max_examples=40)
ohms = st.sampled_from([0.0, 0.1, 3.0, 100.0])
any_wires = st.builds(Wires, ohms, ohms, ohms, ohms)
shapes = st.tuples(st.integers(1, 21), st.integers(1, 21))
seeds = st.integers(0, 9999)


def devices(shape, rng, open_cells=0.0):
    """Conductances over three decades, some cells without a device."""
    cells = 10 ** rng.uniform(-6, -3, shape)
    return np.where(rng.random(shape) < open_cells, 0.0, cells)


def difference(found, wanted, floor=1e-6):
    """Largest relative difference; currents far below the largest, or below 1 nA, count against that."""
    return np.max(np.abs(found - wanted) / (np.abs(wanted) + floor * np.abs(wanted).max() + 1e-9))


@pytest.fixture(scope="module")
def badcrossbar():
    # Its drawing half wants pycairo, and warns where it is missing; we need the computing half.
    with warnings.catch_warnings(record=True):
        module = pytest.importorskip("badcrossbar", reason="needs pip install --no-deps badcrossbar")
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield module
    logging.disable(level)


@pytest.mark.parametrize("seed", range(60))
def test_currents_are_those_of_badcrossbar(badcrossbar, seed):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 40), rng.integers(1, 40)
    cells = devices((rows, columns), rng)
    row, column = 10 ** rng.uniform(-1, 2, 2)
    volts = rng.uniform(0.1, 1, rows)
    wanted = badcrossbar.compute(
        volts[:, None], 1 / cells, r_i_word_line=row, r_i_bit_line=column, node_voltages=False, all_currents=False
    ).currents.output[0]
    crossbar = crossbar_from_conductance(cells, wires=Wires(row, column))
    np.testing.assert_allclose(crossbar.solve(volts), wanted, rtol=1e-9, atol=0)
    np.testing.assert_allclose(volts @ crossbar.effective_conductance(), wanted, rtol=1e-9, atol=0)


@NEEDS_NGSPICE
@pytest.mark.parametrize("inactive", ["ground", "float", "gate"])
@pytest.mark.parametrize("size", [8, 16, 32])
def test_currents_are_those_of_ngspice(size, inactive):
    rng = np.random.default_rng(size)
    wires = Wires(row=2.0, column=5.0, driver=70.0, sense=30.0, inactive=inactive)
    shape = (size, size + 3)
    crossbar = crossbar_from_conductance(devices(shape, rng), devices(shape, rng), wires)
    volts = np.where(rng.random(size) < 0.5, rng.uniform(0.1, 1, size), 0.0)
    columns = rng.uniform(-0.1, 0.1, size + 3)
    columns[1] = np.nan
    found = printed(crossbar.netlist(volts, columns))
    solved = crossbar.solve(volts, columns)
    for array, sign in (("p", 1), ("n", -1)):
        single = crossbar.circuits[sign < 0].currents(volts, columns=columns)
        for j in np.flatnonzero(~np.isnan(columns)):
            assert found[f"i(v{array}_s{j})"] == pytest.approx(single[j], rel=1e-9)
        solved = solved - sign * single
    assert np.isnan(columns[1])
    assert crossbar.solve(volts, columns)[1] == 0
    np.testing.assert_allclose(solved, 0, atol=1e-18)


@laws
@given(shapes, any_wires, seeds)
def test_elimination_equals_a_solve_of_every_node(shape, wires, seed):
    rng = np.random.default_rng(seed)
    cells = devices(shape, rng, open_cells=0.1)
    rows, columns = rng.uniform(0.1, 1, shape[0]), rng.uniform(-0.1, 0.1, shape[1])
    network = Terminals(cells, wires)
    wanted = solve_nodes(cells, wires, rows, columns=columns)
    assert difference(network.currents(rows, columns), wanted.columns) < 1e-10
    assert difference(network.drivers @ rows - network.transfer @ columns, wanted.rows) < 1e-10


@laws
@given(shapes, any_wires, seeds)
def test_the_floating_row_formula_equals_a_fresh_solve(shape, wires, seed):
    rng = np.random.default_rng(seed)
    cells = devices(shape, rng)
    rows, columns = rng.uniform(0.1, 1, shape[0]), rng.uniform(-0.1, 0.1, shape[1])
    active = rng.random(shape[0]) < 0.5
    network = Terminals(cells, wires)
    for volts in (None, columns):
        wanted = fresh_currents(cells, wires, rows, active, volts)
        assert difference(network.floating_currents(rows, active, volts), wanted) < 1e-10


@laws
@given(shapes, any_wires, seeds)
def test_the_column_voltage_formula_equals_a_fresh_solve(shape, wires, seed):
    rng = np.random.default_rng(seed)
    cells = devices(shape, rng)
    rows, columns = rng.uniform(0.1, 1, shape[0]), rng.uniform(-0.1, 0.1, shape[1])
    wanted = fresh_currents(cells, wires, rows, np.full(shape[0], True), columns)
    assert difference(Terminals(cells, wires).currents(rows, columns), wanted) < 1e-10


@laws
@given(shapes, any_wires, seeds)
def test_grounded_rows_superpose(shape, wires, seed):
    rng = np.random.default_rng(seed)
    cells = devices(shape, rng)
    rows = rng.uniform(0.1, 1, shape[0])
    every = np.full(shape[0], True)
    single = sum(fresh_currents(cells, wires, volts, every, None) for volts in np.diag(rows))
    np.testing.assert_allclose(single, fresh_currents(cells, wires, rows, every, None), rtol=1e-12)
    np.testing.assert_allclose(crossbar_from_conductance(cells, wires=wires).solve(rows), single, rtol=1e-12)


@pytest.mark.parametrize("inactive", ["float", "gate"])
def test_rows_that_do_not_superpose_are_solved_together(inactive):
    rng = np.random.default_rng(3)
    wires = Wires(5.0, 9.0, 20.0, 10.0, inactive)
    crossbar = crossbar_from_conductance(devices((9, 7), rng), devices((9, 7), rng), wires)
    volts = np.where(rng.random(9) < 0.6, rng.uniform(0.1, 1, 9), 0.0)
    driven = volts != 0
    wanted = 0
    for sign, held in ((1, crossbar.conductance_plus), (-1, crossbar.conductance_minus)):
        cells = held if inactive == "float" else np.where(driven[:, None], held, 0.0)
        wanted = wanted + sign * solve_nodes(cells, wires, volts, driven if inactive == "float" else None).columns
    np.testing.assert_allclose(crossbar.read(volts), wanted, rtol=1e-10)
    np.testing.assert_allclose(crossbar.solve(volts), wanted, rtol=1e-10)
    assert np.abs(volts @ crossbar.effective_weights() / wanted - 1).max() > 1e-3


@pytest.mark.parametrize("inactive", ["ground", "float", "gate"])
@pytest.mark.parametrize("side", ["rows", "columns"])
def test_a_line_by_itself_sends_what_a_read_of_it_alone_gives(inactive, side):
    rng = np.random.default_rng(4)
    wires = Wires(5.0, 9.0, 20.0, 10.0, inactive)
    crossbar = crossbar_from_conductance(devices((6, 8), rng), devices((6, 8), rng), wires)
    if side == "rows":
        weights, read = crossbar.effective_weights(), crossbar.read
    else:
        weights, read = crossbar.T.effective_weights(), crossbar.T.read
    assert weights.flags.c_contiguous
    for line, one in enumerate(np.eye(weights.shape[0])):
        np.testing.assert_allclose(weights[line], read(one), rtol=1e-10)


def test_columns_read_backwards_are_rows_of_the_array_turned_round():
    rng = np.random.default_rng(5)
    wires = Wires(5.0, 9.0, 20.0, 10.0, "gate")
    cells = devices((6, 4), rng)
    turned = Circuit(cells[::-1, ::-1].T, wires.reversed).alone()
    backwards = Circuit(cells, wires).alone("columns")
    np.testing.assert_allclose(backwards[0], turned[0][::-1, ::-1], rtol=1e-12)
    np.testing.assert_allclose(backwards[1], turned[1][::-1], rtol=1e-12)


@laws
@given(shapes, seeds)
def test_wires_without_resistance_are_the_matrix_product(shape, seed):
    rng = np.random.default_rng(seed)
    plus, minus, rows = devices(shape, rng), devices(shape, rng), rng.uniform(-1, 1, shape[0])
    for wires in (None, Wires()):
        crossbar = crossbar_from_conductance(plus, minus, wires)
        np.testing.assert_array_equal(crossbar.effective_conductance(), plus - minus)
        np.testing.assert_allclose(crossbar.solve(rows), rows @ (plus - minus), rtol=0, atol=1e-12 * np.abs(plus).max())


@laws
@given(shapes, st.sampled_from([1e-15, 1e-9, 1e9, 1e15]), seeds)
def test_units_of_resistance_do_not_matter(shape, unit, seed):
    rng = np.random.default_rng(seed)
    cells = devices(shape, rng)
    found = Terminals(cells / unit, Wires(3.0 * unit, 7.0 * unit, 20.0 * unit, 0.0)).transfer
    np.testing.assert_allclose(found * unit, Terminals(cells, Wires(3.0, 7.0, 20.0, 0.0)).transfer, rtol=1e-12)


@laws
@given(
    st.tuples(st.integers(1, 50), st.integers(1, 50)), st.floats(-3, 5), st.floats(-3, 5),
    st.sampled_from([0.0, 1.0, 1e4]), st.sampled_from([0.0, 1.0, 1e4]), st.booleans(), seeds,
)  # fmt: skip
def test_line_relaxation_is_exact_where_it_is_taken(shape, row, column, driver, sense, signed, seed):
    rng = np.random.default_rng(seed)
    cells, wires = devices(shape, rng, open_cells=0.1), Wires(10**row, 10**column, driver, sense)
    volts = rng.normal(size=shape[0]) if signed else rng.uniform(0.1, 1, shape[0])
    found = relaxed_currents(cells, wires, volts) if cells.any() else None
    if found is not None:
        network = Terminals(cells, wires)
        wanted = fresh_currents(cells, wires, volts, np.full(shape[0], True), None)
        np.testing.assert_allclose(found[0], wanted, rtol=1e-11, atol=0)
        assert volts @ found[1] == pytest.approx(volts @ network.drivers @ volts, rel=1e-11)


def test_line_relaxation_is_taken_for_common_wires_and_not_for_hopeless_ones():
    rng = np.random.default_rng(0)
    cells, volts = devices((64, 48), rng), rng.uniform(0.1, 1, 64)
    assert relaxed_currents(cells, Wires(1.0, 1.0), volts) is not None
    assert relaxed_currents(cells, Wires(1e5, 1e5), volts) is None


@pytest.mark.parametrize("ratio", [1e-8, 1e-3, 1.0, 1e4])
def test_far_columns_are_as_exact_as_near_ones(ratio):
    """A row of equal cells with ideal columns is a ladder, whose currents are known to the last digit."""
    columns, siemens = 60, 1e-4
    network = Terminals(np.full((1, columns), siemens), Wires(row=ratio / siemens))
    seen, entry = 0.0, []
    for _ in range(columns):
        entry.append(1 / (1 + ratio * (1 + seen)))
        seen = (1 + seen) * entry[-1]
    wanted = siemens * np.cumprod(entry[::-1])
    np.testing.assert_allclose(network.transfer[0], wanted, rtol=1e-12)
    assert wanted[-1] < wanted[0]


def test_the_power_of_the_terminals_is_what_all_resistors_turn_into_heat():
    rng = np.random.default_rng(6)
    cells, wires = devices((7, 9), rng), Wires(4.0, 6.0, 50.0, 20.0)
    volts = rng.uniform(-1, 1, 7)
    grid, found = nodes(cells.shape, wires), solve_nodes(cells, wires, volts)
    across = found.voltages[grid.row_side] - found.voltages[grid.column_side]
    drop = found.voltages[grid.ends[:, 0]] - found.voltages[grid.ends[:, 1]]
    heat = (cells * across**2).sum() + (drop**2 / grid.ohms).sum()
    assert Circuit(cells, wires).power(volts) == pytest.approx(heat, rel=1e-12)
    assert heat < 0.99 * (cells * volts[:, None] ** 2).sum()


@pytest.mark.parametrize("inactive", ["ground", "float", "gate"])
def test_power_is_voltage_times_current_of_the_drivers(inactive):
    rng = np.random.default_rng(7)
    wires = Wires(4.0, 6.0, 50.0, 20.0, inactive)
    cells, volts = devices((7, 9), rng), np.where(np.arange(7) % 3 == 0, rng.uniform(0.1, 1, 7), 0.0)
    driven = volts != 0
    used = np.where(driven[:, None], cells, 0.0) if inactive == "gate" else cells
    found = solve_nodes(used, wires, volts, driven if inactive == "float" else None)
    assert Circuit(cells, wires).power(volts) == pytest.approx(volts @ found.rows, rel=1e-11)
    one = np.where(np.arange(7) == 3, 0.3, 0.0)
    assert Circuit(cells, wires).alone()[1][3] * 0.3**2 == pytest.approx(Circuit(cells, wires).power(one), rel=1e-11)


def test_rows_without_devices_draw_nothing_and_disturb_nobody():
    cells = np.array([[1e-4, 2e-4], [0.0, 0.0], [3e-4, 1e-4]])
    for inactive in ("ground", "float", "gate"):
        wires = Wires(1.0, 2.0, inactive=inactive)
        circuit = Circuit(cells, wires)
        for volts in ([0.3, 0.2, 0.1], [0.3, 0.2, 0.0], [0.0, 0.2, 0.0]):
            volts = np.array(volts)
            without = np.where(np.arange(3) == 1, 0.0, volts)
            np.testing.assert_allclose(circuit.currents(volts), circuit.currents(without), rtol=1e-12, atol=1e-18)
            assert circuit.power(volts) == pytest.approx(circuit.power(without), rel=1e-12, abs=1e-18)
    assert not crossbar_from_conductance(np.zeros((2, 2)), wires=Wires(1.0)).solve([1, 1]).any()


@NEEDS_NGSPICE
@pytest.mark.parametrize("inactive", ["ground", "float", "gate"])
def test_curved_devices_have_the_currents_of_ngspice(inactive):
    rng = np.random.default_rng(8)
    circuit = Circuit(devices((8, 6), rng), Wires(20.0, 50.0, 10.0, 5.0, inactive), Sinh(0.25))
    volts = np.where(np.arange(8) % 3 == 0, 0.0, rng.uniform(0.1, 1, 8))
    found = printed(deck({"p": circuit}, volts, np.zeros(6)))
    wanted = [found[f"i(vp_s{j})"] for j in range(6)]
    np.testing.assert_allclose(circuit.currents(volts), wanted, rtol=1e-8)


def test_a_network_is_simulated_with_the_weights_that_its_wires_leave():
    rng = np.random.default_rng(9)
    weights = rng.uniform(-1, 1, (12, 10))
    crossbar = nr.Crossbar(weights, nr.load_device("taox_64x64"), Wires(5.0, 5.0, 100.0, 100.0), start=0.5, w_max=2.0)

    def spikes(synapses):
        net = nr.Network()
        source = net.add(nr.Population("in", 12, nr.PoissonSource(rate=200.0)))
        target = net.add(nr.Population("out", 10, nr.LIF(tau_m=10e-3, v_th=1.0)))
        net.connect(source, target, synapses, delay=1e-3)
        return nr.run(nr.build(net), 0.5, seed=1).spikes["out"]

    wired, dense = spikes(crossbar), spikes(nr.Dense(crossbar.effective_weights()))
    np.testing.assert_array_equal(wired.times, dense.times)
    assert wired.times.size > 10
    ideal = crossbar.scale * (crossbar.conductance_plus - crossbar.conductance_minus)
    assert difference(crossbar.effective_weights(), ideal, floor=0.1) > 1e-3


def test_a_write_changes_what_the_wires_pass_on():
    crossbar = nr.Crossbar(np.full((4, 4), 0.5), wires=Wires(50.0, 50.0), w_max=1.0)
    before = crossbar.effective_weights()
    crossbar.accumulate(np.full((4, 4), 0.1))
    fresh = crossbar_from_conductance(crossbar.conductance_plus, crossbar.conductance_minus, crossbar.wires)
    np.testing.assert_allclose(crossbar.effective_weights(), crossbar.scale * fresh.effective_conductance(), rtol=1e-12)
    assert (crossbar.effective_weights() > before).all()
    copied = crossbar.copy()
    copied.accumulate(np.full((4, 4), 0.1))
    assert (copied.effective_weights() > crossbar.effective_weights()).all()


@pytest.mark.parametrize(
    ("error", "match", "make"),
    [
        (ParameterError, "Wires.row: must not be negative", lambda: Wires(row=-1.0)),
        (ParameterError, "Wires.sense: must be finite", lambda: Wires(sense=float("inf"))),
        (UnknownName, "Known: float, gate, ground", lambda: Wires(inactive="open")),
        (DeviceError, "not below zero", lambda: crossbar_from_conductance([[-1e-6]])),
        (DeviceError, "must be finite", lambda: crossbar_from_conductance([[np.nan]])),
        (DeviceError, "the shape must be", lambda: crossbar_from_conductance([[1e-6]], [[1e-6, 1e-6]])),
        (DeviceError, "the shape must be", lambda: crossbar_from_conductance([1e-6])),
        (InputError, "or 1", lambda: crossbar_from_conductance([[1e-6]]).solve([1.0, 1.0])),
        (InputError, "one finite voltage", lambda: crossbar_from_conductance([[1e-6]]).solve([np.inf])),
    ],
)
def test_what_is_refused_is_refused_by_name(error, match, make):
    with pytest.raises(error, match=match):
        make()
