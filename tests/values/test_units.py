"""A quantity that says its unit is converted where the unit is known, and refused everywhere else."""

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NeuroError, ParameterError
from neuro.validation import finite, positive, seconds

NANO = st.integers(1, 10**12)
"""Times, in nanoseconds."""


class FakeBrian2(np.ndarray):
    """As Brian2 has it: an array of SI values with a dimension."""

    def __new__(cls, values, **exponents):
        array = np.asarray(values, float).view(cls)
        array.dim = SimpleNamespace(get_dimension=lambda base: exponents.get(base, 0))
        return array

    def get_best_unit(self): ...


class FakePint:
    """As pint has it: no array, but an object that converts itself."""

    def __init__(self, seconds_):
        self.seconds = seconds_

    def to_base_units(self): ...

    def __array__(self, *args, **kwargs):
        return np.asarray(self.seconds * 1e3)

    def to(self, unit):
        if unit != "s":
            raise TypeError("not a time")
        return SimpleNamespace(magnitude=self.seconds)


class FakeQuantities(np.ndarray):
    """As quantities has it: an array of values in its own unit, here milliseconds."""

    def rescale(self, unit):
        if unit != "s":
            raise ValueError("not a time")
        return SimpleNamespace(magnitude=np.asarray(self) / 1e3)


class FakeAstropy(np.ndarray):
    """As astropy and unyt have it."""

    unit = "ms"

    def to_value(self, unit):
        if unit != "s":
            raise ValueError("not a time")
        return np.asarray(self) / 1e3


class Unheard(np.ndarray):
    """A library that is not known, whose arrays have units."""

    units = "ms"


def milliseconds():
    """20 ms, as each library has it."""
    import pandas as pd

    yield "numpy", np.timedelta64(20, "ms")
    yield "numpy array", np.array([20_000], "timedelta64[us]")
    yield "list", [np.timedelta64(20, "ms")]
    yield "pandas", pd.Timedelta("20ms")
    yield "pandas index", pd.to_timedelta([20], unit="ms")
    yield "datetime", timedelta(milliseconds=20)
    yield "Brian2 fake", FakeBrian2(0.02, time=1)
    yield "pint fake", FakePint(0.02)
    yield "quantities fake", np.array(20.0).view(FakeQuantities)
    yield "astropy fake", np.array(20.0).view(FakeAstropy)


MILLISECONDS = dict(milliseconds())


def real(name):
    """20 ms and 20 mV of a library, if it is installed."""
    library = pytest.importorskip({"astropy": "astropy.units"}.get(name, name))
    if name == "pint":
        registry = library.UnitRegistry()
        return 20 * registry.ms, 20 * registry.mV
    if name == "unyt":
        return library.unyt_quantity(20, "ms"), library.unyt_quantity(20, "mV")
    return (20 * getattr(library, unit) for unit in (("msecond", "mvolt") if name == "brian2" else ("ms", "mV")))


@pytest.mark.parametrize("name", MILLISECONDS)
def test_a_quantity_of_time_is_read_in_seconds(name):
    assert np.ravel(seconds(MILLISECONDS[name], "tau")).tolist() == [0.02]


@pytest.mark.parametrize("name", MILLISECONDS)
@pytest.mark.parametrize("unit", ["", "V", "Hz", "S"])
def test_a_quantity_of_time_is_nothing_else(name, unit):
    with pytest.raises(ParameterError, match=r"where: must be"):
        finite(MILLISECONDS[name], "where", unit=unit)


@pytest.mark.parametrize("name", ["brian2", "pint", "quantities", "astropy", "unyt"])
def test_the_real_libraries_are_read_like_the_fakes(name):
    time, voltage = real(name)
    assert float(seconds(time, "tau")) == pytest.approx(0.02, rel=1e-15)
    assert float(finite(voltage, "v", unit="V")) == pytest.approx(0.02, rel=1e-15)
    for value, unit in ((time, ""), (time, "V"), (voltage, ""), (voltage, "s")):
        with pytest.raises(ParameterError, match="must be"):
            finite(value, "where", unit=unit)
    assert nr.LIF(tau_m=time, v_th=1.0).tau_m == pytest.approx(0.02, rel=1e-15)
    with pytest.raises(ParameterError, match=r"LIF\.tau_m: must be a time in seconds"):
        nr.LIF(tau_m=voltage, v_th=1.0)
    with pytest.raises(ParameterError, match=r"LIF\.v_th: must be a number without a unit"):
        nr.LIF(tau_m=time, v_th=voltage)


def test_units_of_brian2_go_by_their_dimension():
    siemens = FakeBrian2(2e-6, length=-2, mass=-1, time=3, current=2)
    assert float(positive(siemens, "g", unit="S")) == 2e-6
    assert float(positive(FakeBrian2(2.0), "ratio")) == 2.0
    with pytest.raises(ParameterError, match="a time in seconds"):
        seconds(siemens, "tau")


def test_a_unit_that_is_not_understood_is_refused():
    for unit in ("", "s"):
        with pytest.raises(ParameterError, match="Unheard"):
            finite(np.array([20.0]).view(Unheard), "where", unit=unit)
    with pytest.raises(ParameterError, match="a time in seconds"):
        seconds(np.timedelta64(5), "tau")
    with pytest.raises(ParameterError, match="a time in seconds"):
        seconds(np.timedelta64(5, "M"), "tau")
    with pytest.raises(ParameterError, match="finite"):
        seconds(np.timedelta64("NaT", "ms"), "tau")


@given(nanoseconds=NANO, unit=st.sampled_from(["ns", "us", "ms", "s", "m", "h", "D"]))
def test_times_of_numpy_are_exact(nanoseconds, unit):
    in_one = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "D": 86400 * 10**9}
    count = max(nanoseconds // in_one[unit], 1)
    assert float(seconds(np.timedelta64(count, unit), "tau")) == count * in_one[unit] / 10**9


@given(count=NANO)
def test_every_argument_that_is_a_time_takes_times(count):
    time, plain = np.timedelta64(count, "ns"), count / 1e9
    lif = nr.LIF(tau_m=time, v_th=1.0, refractory=time, tau_syn=(time, None))
    assert (lif.tau_m, lif.refractory, lif.tau_syn) == (plain, plain, (plain, None))
    assert nr.AHP(tau_m=time, v_th=1.0, tau_ahp=(time, time), jump=(0.1, 0.2)).tau_ahp == (plain, plain)
    rule = nr.STDP(a_plus=0.1, a_minus=0.1, tau_plus=time, tau_minus=time, every=time, during=((0, time),))
    assert (rule.tau_plus, rule.tau_minus, rule.every, rule.during) == (plain, plain, plain, ((0.0, plain),))
    assert nr.Record(v={"cell": [0]}, v_dt=time).v_dt == plain
    assert nr.Spikes([time], [0]).times.tolist() == nr.Current([time], [1.0]).times.tolist() == [plain]
    assert len(nr.Spikes([time], [0]).window(time, 2 * time)) == 1
    forced = nr.Clamp("cell", "hard", 1 / plain).toward([1.0], start=np.timedelta64(0, "ns"), stop=time)
    assert len(forced.forced["cell"][1]) == 1


def test_a_network_in_quantities_runs_as_one_in_numbers():
    def spikes(ms):
        net = nr.Network()
        net.add(nr.Population("cell", 2, nr.LIF(tau_m=20 * ms, v_th=1.0, bias=2.0, refractory=2 * ms, tau_syn=4 * ms)))
        net.connect("cell", "cell", nr.OneToOne(0.1), delay=ms)
        rec = nr.run(net, 50 * ms, inputs={"cell": nr.Current([5 * ms], [1.0])})
        return rec.spikes["cell"].times.tolist()

    assert spikes(np.timedelta64(1, "ms")) == spikes(1e-3) != []


@pytest.mark.parametrize(
    ("where", "make"),
    [
        (r"LIF\.tau_m = 20 s; milliseconds are written 20 \* ms", lambda: nr.LIF(tau_m=20, v_th=1.0)),
        (r"LIF\.refractory = 2 s", lambda: nr.LIF(tau_m=0.02, v_th=1.0, refractory=2)),
        (r"IF\.tau_syn = 5 s", lambda: nr.IF(v_th=1.0, tau_syn=(5, None))),
        (r"AHP\.tau_ahp = 200 s", lambda: nr.AHP(tau_m=0.02, v_th=1.0, tau_ahp=200, jump=0.1)),
        (r"STDP\.tau_plus = 20 s", lambda: nr.STDP(a_plus=1, a_minus=1, tau_plus=20, tau_minus=0.02)),
    ],
)
def test_seconds_that_look_like_milliseconds_are_read_with_a_warning(where, make):
    with pytest.warns(nr.UnitWarning, match=where) as caught:
        make()
    assert [each.filename for each in caught] == [__file__], "the warning must point to the caller"


def test_delays_that_look_like_milliseconds_are_read_with_a_warning():
    net = nr.Network()
    net.add(nr.Population("cell", 1, nr.IF(v_th=1.0)))
    with pytest.warns(nr.UnitWarning, match=r"delay = 1.5 s"):
        net.connect("cell", "cell", nr.OneToOne(1.0), delay=1.5)


@pytest.mark.filterwarnings("error")
def test_slow_adaptation_and_quantities_are_read_without_a_warning():
    nr.AHP(tau_m=0.5, v_th=1.0, tau_ahp=20.0, jump=0.1)
    nr.LIF(tau_m=np.timedelta64(20, "s"), v_th=1.0)


@pytest.mark.parametrize(
    ("where", "make"),
    [
        ("initial v", lambda mV: nr.Population("cell", 1, nr.IF(v_th=1.0), initial={"v": mV})),
        ("Dense", lambda mV: nr.Dense([[mV]])),
        ("Sparse", lambda mV: nr.Sparse([0], [0], mV)),
        ("AllToAll", lambda mV: nr.AllToAll(mV)),
        ("current, values", lambda mV: nr.Current([0.0], [mV])),
        ("PoissonSource", lambda mV: nr.PoissonSource(mV)),
        ("spike times", lambda mV: nr.Spikes([mV, mV], [0, 0])),
        ("EventLocal", lambda mV: nr.STDP(a_plus=mV, a_minus=1, tau_plus=0.02, tau_minus=0.02)),
    ],
)
def test_volts_are_refused_where_numbers_are_in_units_of_the_model(where, make):
    with pytest.raises(NeuroError, match=f"{where.replace('EventLocal', 'STDP')}.*must be"):
        make(FakeBrian2(0.02, length=2, mass=1, time=-3, current=-1))


def test_a_rate_may_be_a_quantity():
    assert nr.PoissonSource(FakeBrian2(20.0, time=-1)).rate == 20.0
