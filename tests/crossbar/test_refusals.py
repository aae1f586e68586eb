"""What no device, fault, wire, read or write can be is refused by its name, in every kind of crossbar."""

import numpy as np
import pytest

import neuro as nr
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.fit import device_from_measurement
from neuro.crossbar.device.iv import Ohmic, Sinh
from neuro.crossbar.device.laws import Constant, Cycle, MeasuredLaw, Piecewise, Variation
from neuro.crossbar.device.noise import Drift, Flicker, Telegraph
from neuro.crossbar.factory import Crossbar, crossbar_from_conductance
from neuro.crossbar.read.settings import Converter, Reading
from neuro.crossbar.write.settings import Writing
from neuro.errors import (
    DeviceError,
    InputError,
    NeuroError,
    ParameterError,
    StateError,
    UnknownName,
    UnsupportedFeature,
    WeightError,
)

LOW, HIGH = 10e-6, 100e-6
LEVELS = Device("levels", LOW, HIGH, levels=16)
KINDS = {
    "pair": {},
    "offset": {"mapping": "offset"},
    "tiles": {"tile": (2, 2)},
    "offset tiles": {"mapping": "offset", "tile": (2, 2)},
}
every = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        *(({key: 5}, rf"Device\.{key}") for key in ("name", "source", "notes")),
        *(({key: bad}, rf"Device\.{key}") for key in ("g_min", "g_max", "write_noise") for bad in (-1e-9, np.nan, "1")),
        ({"g_max": LOW}, "`g_max` must be above `g_min`"),
        *(({"levels": bad}, r"Device\.levels") for bad in (1, 2.0, True)),
        ({"drift": 0.1}, r"Device\.drift"),
        ({"law": "constant"}, "`law` must be one of"),
        ({"cycle": 0.1}, "`cycle` must be a Cycle"),
        ({"variation": 0.1}, r"Device\.variation"),
        ({"variation": {"step": Variation(0.1)}}, "names a parameter of the law"),
        ({"law": Constant(step=1e-6), "variation": {"colour": Variation(0.1)}}, "names a parameter.*It has g_max"),
        ({"law": Constant(step=1e-6), "variation": {"step": 0.1}}, "must be a Variation"),
        ({"law": Constant(step=1e-6, zero=LOW * (1 - 1e-9))}, "`zero` must lie in the window"),
        ({"law": Constant(step=1e-6, zero=HIGH * (1 + 1e-9))}, "`zero` must lie in the window"),
    ],
    ids=str,
)
def test_a_device_that_cannot_be_is_refused(wrong, says):
    good = {"name": "d", "g_min": LOW, "g_max": HIGH}
    with pytest.raises(DeviceError, match=says):
        Device(**{**good, **wrong})
    for zero in (LOW, HIGH):
        assert Device(**good, levels=2, law=Constant(step=1e-6, zero=zero), write_noise=0.0).step == HIGH - LOW


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda d: d.sample(-1), "n"),
        (lambda d: d.sample(1.5), "n"),
        (lambda d: d.sample((2, "3")), "n"),
        (lambda d: d.sample(2**50), "memory"),
        (lambda d: d.sample(2, -1), "rng"),
        (lambda d: d.sample(2, "seed"), "rng"),
        (lambda d: d.pulse([LOW], 1, rng=0), "rng"),
        (lambda d: d.pulse([LOW], 1, params=5), "params"),
        (lambda d: d.pulse([np.nan], 1), "g"),
        (lambda d: d.pulse([-1e-9], 1, d.sample(1)), "below zero|g"),
        (lambda d: d.pulse([LOW, LOW], 1, d.sample(3)), "one conductance for each device"),
        (lambda d: d.pulse([LOW, LOW], [1, 1, 1]), "one number for each device"),
        (lambda d: d.pulse([LOW], 0.5), "direction"),
        (lambda d: d.pulse([LOW], "up"), "direction"),
        (lambda d: d.pulse([LOW], [np.nan]), "direction"),
        (lambda _: Device("c", LOW, HIGH).pulse([LOW], 1), "not pulses"),
    ],
)
def test_pulses_that_cannot_be_are_refused(call, says):
    with pytest.raises(DeviceError, match=says):
        call(LEVELS)
    assert LEVELS.pulse([LOW, HIGH], [0, -1]).tolist() == pytest.approx([LOW, HIGH - LEVELS.step])


GRID = {
    "conductance": [[1.0, 2.0, 3.0]],
    "probability": [0.0, 1.0],
    "up": np.ones((1, 2, 3)),
    "down": np.ones((1, 2, 3)),
}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"conductance": [1.0, 2.0, 3.0]}, "table, conductance.*2 axes"),
        ({"probability": [[0.0, 1.0]]}, "table, probability.*1 axes"),
        ({"up": np.ones((2, 3))}, "table, up.*3 axes"),
        ({"down": np.full((1, 2, 3), np.inf)}, "table, down.*finite"),
        ({"up": np.ones((1, 0, 3))}, "table, up"),
        ({"up": np.ones((1, 3, 3))}, r"table, up.*\(1, 2, 3\)"),
        ({"down": np.ones((2, 2, 3))}, r"table, down.*\(1, 2, 3\)"),
        ({"conductance": [[1.0, 1.0, 3.0]]}, "must rise"),
        ({"conductance": [[-1e-9, 2.0, 3.0]]}, "must rise, from zero"),
        ({"probability": [0.5, 0.5]}, r"must rise within 0\.\.1"),
        ({"probability": [-1e-9, 1.0]}, r"must rise within 0\.\.1"),
        ({"probability": [0.0, 1.0 + 1e-9]}, r"must rise within 0\.\.1"),
    ],
    ids=str,
)
def test_a_table_of_changes_that_cannot_be_is_refused(wrong, says):
    with pytest.raises(DeviceError, match=says):
        MeasuredLaw(**{**GRID, **wrong})
    with pytest.raises(DeviceError, match="two points or more"):
        MeasuredLaw(conductance=[[1.0]], probability=[0.5], up=np.ones((1, 1, 1)), down=np.ones((1, 1, 1)))
    assert MeasuredLaw(**{**GRID, "conductance": [[0.0, 2.0, 3.0]]}).mean().probability.tolist() == [0.5]


def test_a_table_is_linear_between_its_points_and_constant_beyond():
    up = np.array([[[0.0, 10.0, 20.0], [100.0, 110.0, 140.0]]])
    law = MeasuredLaw(conductance=[[1.0, 2.0, 4.0]], probability=[0.25, 0.75], up=up, down=-up)
    for u, g, expected in (
        (0.25, 1.0, 0),
        (0.0, 1.0, 0),
        (0.5, 1.0, 50),
        (0.75, 3.0, 125),
        (1.0, 9.0, 140),
        (0.5, 0, 50),
    ):
        assert law.quantile(u, g, up=True) == pytest.approx(expected)
        assert law.quantile(u, g, up=False) == pytest.approx(-expected)
    assert np.asarray(law.mean().up)[0, 0].tolist() == pytest.approx([50.0, 60.0, 80.0])
    two = MeasuredLaw(
        conductance=[[1.0, 2.0]] * 2,
        probability=[0.5],
        up=[[[1.0, 1.0]], [[2.0, 4.0]]],
        down=-up[:, :1, :2].repeat(2, 0),
    )
    assert [float(two.quantile(0.9, 1.5, up=True, number=k)) for k in (0, 1)] == [1.0, 3.0]


def test_factors_of_pieces_are_finite_and_as_many_both_ways():
    for bad in ({"up": ()}, {"down": (np.inf,)}, {"up": (1, 2), "down": (1, 2, 3)}):
        with pytest.raises(DeviceError, match="law"):
            Piecewise(step=1e-6, **bad)
    for fits in ({"up": (1, 2), "down": (1,)}, {"up": (1,), "down": (1, 2, 3)}, {"up": (1, 2), "down": (3, 4)}):
        assert Piecewise(step=1e-6, **fits).step == 1e-6
    for bad in ({"std": -1e-9}, {"kind": "none"}, {"correlation": 1 + 1e-9}, {"correlation": -1 - 1e-9}):
        with pytest.raises(DeviceError):
            Cycle(**{"std": 0.1, **bad})
    for bad in ({"std": np.nan}, {"std": -1e-9}, {"kind": "none"}):
        with pytest.raises(DeviceError):
            Variation(**{"std": 0.1, **bad})


NONE = np.full((2, 3), np.nan)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Faults(NONE, NONE[:1]), "one shape"),
        (lambda: Faults(NONE[0], NONE[0]), r"faults, plus.*\(pre, post\)"),
        *((lambda bad=bad: Faults(np.full((2, 3), bad), NONE), "faults, plus") for bad in (-1e-9, np.inf, 1e-101)),
        (lambda: Faults(NONE, np.full((2, 3), -1.0)), "faults, minus"),
        *((lambda bad=bad: Faults.none(bad), "faults, shape") for bad in (5, (2,), (2, 3, 4), (2.0, 3), (-1, 3), "23")),
        (lambda: Faults.none((2**30, 2**30)), "faults, shape.*memory"),
        *((lambda bad=bad: Faults.stuck((2, 3), bad), "faults, fraction") for bad in (-1e-9, 1 + 1e-9, "1", [0.1])),
        (lambda: Faults.stuck((2, 3), 0.1, at=-1e-9), "faults, at"),
        (lambda: Faults.stuck((2, 3), 0.1, seed=-1), "faults, seed"),
        (lambda: Faults.draw((2, 3), LEVELS, seed=1.5), "faults, seed"),
        *(
            (lambda name=name: Faults.draw((2, 3), LEVELS, **{name: 1 + 1e-9}), f"faults, {name}")
            for name in ("high", "low", "open", "rows", "columns")
        ),
        (lambda: Faults.draw((2, 3), "ideal"), "faults, device"),
        (lambda: Faults.draw((2, 3), LEVELS, high=0.5, low=0.3, open=0.2 + 1e-9), "add up to 1 at most"),
        *(
            (lambda bad=bad: Faults.lines((2, 3), rows=bad), "faults, rows")
            for bad in ([2], [-1], "0", 5, {0: 1}, [0.5])
        ),
        (lambda: Faults.lines((2, 3), columns=[3]), "faults, columns"),
        (lambda: Faults.lines((2, 3), rows=[0], at=-1e-9), "faults, at"),
        (lambda: Faults.lines((2, 3), rows=[0], array="all"), "faults, array"),
        (lambda: Faults.none((2, 3)) | Faults.none((3, 2)), "one shape"),
        (lambda: Faults.none((2, 3)).kinds("ideal"), "faults, device"),
    ],
)
def test_faults_that_cannot_be_are_refused(make, says):
    with pytest.raises(DeviceError, match=says):
        make()
    with pytest.raises(TypeError):
        Faults.none((2, 3)) | 5
    assert Faults.draw((2, 3), LEVELS, high=0.5, low=0.25, open=0.25).count == 12
    assert Faults.lines((2, 3), rows=[1], columns=range(1, 2), at=LOW).count == 8


@pytest.mark.parametrize(
    ("make", "says"),
    [
        *((lambda key=key: Wires(**{key: -1e-9}), rf"Wires\.{key}") for key in ("row", "column", "driver", "sense")),
        (lambda: Wires(row=np.inf), r"Wires\.row"),
        (lambda: Wires(inactive="cut"), "'cut'"),
        (lambda: Wires(inactive=None), "None"),
        (lambda: Sinh(0.0), r"Sinh\.v0"),
        (lambda: Sinh(-1.0), r"Sinh\.v0"),
        (lambda: Telegraph(dwell_high=0.0, dwell_low=1.0, amplitude=0.1), r"Telegraph\.dwell_high"),
        (lambda: Telegraph(dwell_high=1.0, dwell_low=-1.0, amplitude=0.1), r"Telegraph\.dwell_low"),
        (lambda: Telegraph(dwell_high=1.0, dwell_low=1.0, amplitude=np.nan), r"Telegraph\.amplitude"),
        (lambda: Telegraph(dwell_high=1.0, dwell_low=1.0, amplitude=-1.0), r"Telegraph\.amplitude"),
        (lambda: Flicker(amplitude=0.0, low=1.0, high=2.0), r"Flicker\.amplitude"),
        (lambda: Flicker(amplitude=0.1, low=0.0, high=2.0), r"Flicker\.low"),
        (lambda: Flicker(amplitude=0.1, low=1.0, high=np.inf), r"Flicker\.high"),
        (lambda: Flicker(amplitude=0.1, low=1.0, high=1.0), "`high` must be above `low`"),
        (lambda: Drift(exponent=0.1, variation=0.0, reference=0.0), r"Drift\.reference"),
        (lambda: Drift(exponent=0.1, variation=-1e-9, reference=1.0), r"Drift\.variation"),
        (lambda: Drift(exponent=np.nan, variation=0.0, reference=1.0), r"Drift\.exponent"),
        *(
            (lambda key=key: Reading(voltage=1.0, **{key: 0.1}), rf"Reading\.{key}")
            for key in ("telegraph", "flicker", "drift", "curve", "dac", "adc")
        ),
        (lambda: Reading(dac=Telegraph(dwell_high=1.0, dwell_low=1.0, amplitude=0.1)), r"Reading\.dac"),
        (lambda: Reading(noise=[0.1]), r"Reading\.noise"),
        (lambda: Reading(driver_energy=np.nan), r"Reading\.driver_energy"),
        (lambda: Reading(curve=Sinh(0.5)), "Reading, curve"),
        (lambda: Converter(2, "0", 1.0), r"Converter\.low"),
        (lambda: Writing(disturb=True), r"Writing\.disturb"),
        *((lambda bad=bad: Writing(voltage=1.0, duration=1.0).joules(bad), "siemens") for bad in (-1e-9, "1", [1.0])),
    ],
)
def test_settings_that_cannot_be_are_refused(make, says):
    with pytest.raises((ParameterError, UnknownName), match=says):
        make()


def test_settings_at_the_boundary_are_allowed():
    assert Telegraph(dwell_high=1.0, dwell_low=3.0, amplitude=-0.5).amplitude == -0.5
    assert Drift(exponent=-0.1, variation=0.0, reference=1.0).variation == 0.0
    assert Reading(curve=Ohmic()).fluctuates is False
    assert (Wires().inactive, Wires(inactive="float").inactive) == ("ground", "float")
    assert Sinh(0.5).current(2.0, np.array([0.0, 0.5])) == pytest.approx([0.0, np.sinh(1.0)])
    assert Writing(voltage=1.0, duration=2.0).joules(0.0) == 0.0


@every
@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda c: c.program(np.zeros((3, 2))), WeightError, r"\(pre, post\) = \(3, 4\); got \(3, 2\)"),
        (lambda c: c.program(np.full((3, 4), np.nan)), WeightError, "finite"),
        (lambda c: c.accumulate(np.zeros((2, 4))), WeightError, r"\(pre, post\)"),
        (lambda c: c.accumulate(np.zeros((3, 4)), 0), ParameterError, "max_levels"),
        (lambda c: c.accumulate(np.zeros((3, 4)), 1.5), ParameterError, "max_levels"),
        (lambda c: c.accumulate(np.zeros((3, 4)), policy="both"), NeuroError, "'both'"),
        (lambda c: c.accumulate(np.zeros((3, 4)), policy=None), NeuroError, "None"),
        (lambda c: c.coincide(np.zeros(2), np.zeros(4)), InputError, "rows: 3 drives"),
        (lambda c: c.coincide(np.zeros(3), np.zeros(3)), InputError, "columns: 4 drives"),
        (lambda c: c.coincide(np.full(3, np.inf), np.zeros(4)), InputError, "rows"),
        (lambda c: c.coincide(np.zeros(3), np.zeros(4), rate="1"), ParameterError, "rate"),
        (lambda c: c.coincide(np.zeros(3), np.zeros(4), length=0), ParameterError, "length"),
        (lambda c: c.coincide(np.ones(3), np.ones(4), length=2**50), ParameterError, "length.*memory"),
        (lambda c: c.coincide(np.ones(3), np.ones(4), trains="all"), UnknownName, "'all'"),
        (lambda c: c.coincide(np.ones(3), np.ones(4), trains=None), UnknownName, "None"),
        (lambda c: c.coincide(np.ones(3), np.ones(4), policy="both"), NeuroError, "'both'"),
        (lambda c: c.write_verify(np.zeros((3, 2))), WeightError, r"\(pre, post\)"),
        (lambda c: c.write_verify(np.zeros((3, 4)), tolerance=-1.0), ParameterError, "tolerance"),
        (lambda c: c.write_verify(np.zeros((3, 4)), rounds=0), ParameterError, "rounds"),
        (lambda c: c.read(np.zeros(4)), InputError, "rows: 3 drives"),
        (lambda c: c.read(np.full(3, np.nan)), InputError, "rows"),
        (lambda c: c.read_columns(np.zeros(3)), InputError, "columns: 4 drives"),
        (lambda c: c.read_rows([3]), InputError, "rows"),
        (lambda c: c.read_rows([-1]), InputError, "rows"),
        (lambda c: c.read_rows([0.5]), InputError, "rows"),
        (lambda c: c.read_rows([0], np.zeros(3)), InputError, "out"),
    ],
)
def test_what_no_crossbar_takes_is_refused_by_each_kind(options, call, error, says):
    crossbar = Crossbar(np.zeros((3, 4)), LEVELS, w_max=1.0, name="mine", **options)
    before, version = crossbar.effective_weights().copy(), crossbar.version
    with pytest.raises(error, match=says):
        call(crossbar)
    assert np.array_equal(crossbar.effective_weights(), before)
    assert crossbar.version == version


@pytest.mark.parametrize("tile", [3, (3,), (2, 2, 2), (0, 2), (2, 0), (2.0, 2), "22", (2, None), -1])
def test_a_tile_is_two_whole_numbers_above_zero(tile):
    with pytest.raises(ParameterError, match=r"crossbar 'mine', tile"):
        Crossbar(np.zeros((3, 4)), tile=tile, name="mine")
    assert [array.shape for array in Crossbar(np.zeros((3, 4)), tile=[2, 3]).arrays] == [(2, 3), (2, 1), (1, 3), (1, 1)]


@pytest.mark.parametrize("make", [Crossbar, crossbar_from_conductance], ids=lambda make: make.__name__)
def test_a_crossbar_has_a_name_and_fits_into_memory(make):
    with pytest.raises(ParameterError, match="crossbar, name"):
        make(np.eye(2), name=5)
    with pytest.raises(ParameterError, match="seed"):
        make(np.eye(2), seed=-1)
    with pytest.raises(NeuroError, match=r"shape must be \((pre, post|rows, columns)\); got \(2,\)"):
        make(np.ones(2))
    absurd = np.broadcast_to(np.float64(0.0), (2**20, 2**20))
    with pytest.raises(WeightError, match=r"1,048,576 x 1,048,576 weights in pairs of devices.*7.04e\+04 GB"):
        make(absurd)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"mapping": "columns"}, UnknownName, "'columns'"),
        ({"mapping": None}, UnknownName, "None"),
        ({"slices": 2}, ParameterError, "mapping='pair'"),
        ({"base": 2}, ParameterError, "mapping='pair'"),
        ({"mapping": "slices", "slices": 0}, ParameterError, "slices"),
        ({"mapping": "slices", "base": 2.0}, NeuroError, "base"),
        ({"start": "middle"}, NeuroError, "start"),
        ({"start": np.nan}, NeuroError, "start"),
        ({"w_max": 0.0}, NeuroError, "w_max"),
        ({"w_max": -1.0}, NeuroError, "w_max"),
        ({"w_max": 0.5}, WeightError, "holds weights"),
        ({"mapping": "offset", "w_max": 0.5}, WeightError, "w_max|holds weights"),
        ({"mapping": "slices", "w_max": 0.5}, WeightError, "w_max"),
    ],
    ids=str,
)
def test_options_that_do_not_belong_together_are_refused(wrong, error, says):
    with pytest.raises(error, match=says):
        Crossbar(np.eye(2), LEVELS, **wrong)


def test_counts_of_reads_of_several_arrays_say_which_lines():
    tiles = Crossbar(np.zeros((3, 4)), tile=(2, 2))
    for call in (lambda: tiles.count_reads(1), lambda: tiles.count_reads(columns=1)):
        with pytest.raises(UnsupportedFeature, match="which lines"):
            call()
    tiles.count_reads(0, columns=0)
    tiles.count_reads([1, 0, 2], columns=[0, 1, 0, 3])
    assert [(array.ledger.row_reads, array.ledger.column_reads) for array in tiles.arrays] == [
        (1, 1), (1, 3), (2, 1), (2, 3),
    ]  # fmt: skip


def test_devices_are_named_as_they_are_or_alike(tmp_path, monkeypatch):
    assert load_device("taox_64x64") == load_device("TaOx-64x64") == load_device("taox64x64")
    for bad in (5, None, b"ideal"):
        with pytest.raises(DeviceError, match="device"):
            load_device(bad)
    with pytest.raises(UnknownName, match="'taox'"):
        load_device("taox")
    with pytest.raises(DeviceError, match="name"):
        device_from_measurement(tmp_path / "none.csv", name=5)
    with pytest.raises(DeviceError, match="csv"):
        device_from_measurement(5)


def test_a_state_of_other_devices_is_not_restored():
    crossbar = nr.Crossbar(np.zeros((2, 2)), LEVELS, w_max=1.0)
    arrays = {name: array.copy() for name, array in crossbar.state_arrays().items()}
    for name in arrays:
        with pytest.raises(StateError, match="other devices"):
            crossbar.restore_state({**arrays, name: np.zeros((3, 3, 3))}, crossbar.random_state)
    with pytest.raises(StateError, match="other devices"):
        crossbar.restore_state({**arrays, "more": np.zeros(1)}, crossbar.random_state)
