"""Pulses: each law against its formula, spreads and errors against their stated sizes, tables as measured."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import DATA, needs

from neuro.crossbar.device.catalog import device_record, load_device
from neuro.crossbar.device.device import Device
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
    parameters,
)
from neuro.errors import DeviceError

LOW, HIGH = 20e-6, 120e-6
MANY = 100_000


def change(law, g, direction, low=LOW, high=HIGH):
    """The change of one pulse as the docstring of each law has it, for a device whose window is the nominal one."""
    zero = (low + high) / 2 if law.zero is None else law.zero
    up = direction > 0
    step = law.step * (1 + min(law.up_down, 0.0) if up else 1 - max(law.up_down, 0.0))
    share = (g - low) / (high - low)
    if isinstance(law, Linear):
        step *= 1 - law.gamma_up * (g - zero) / (high - zero) if up else 1 - law.gamma_down * (zero - g) / (zero - low)
    elif isinstance(law, SoftBounds):
        step *= (high - g) / (high - zero) if up else (g - low) / (zero - low)
    elif isinstance(law, Exponential):
        z = 2 * law.a * (g - zero) / (high - low) + law.b
        a, exponent = (law.A_up, law.gamma_up * z) if up else (law.A_down, -law.gamma_down * z)
        step *= max(1 - a * math.exp(exponent), 0.0)
    elif isinstance(law, Power):
        step *= (1 - share) ** law.gamma_up if up else share**law.gamma_down
    elif isinstance(law, Piecewise):
        factors = law.up if up else law.down
        step *= np.interp(share, np.linspace(0, 1, len(factors)), factors) if len(factors) > 1 else factors[0]
    return step if up else -step


def curve(law, start, directions, low=LOW, high=HIGH):
    g = [start]
    for direction in directions:
        g.append(min(max(g[-1] + change(law, g[-1], direction, low, high), low), high))
    return np.array(g)


def played(device, start, directions, seed=0):
    """The same pulses on one sampled device."""
    devices = device.sample(1, seed)
    g = [np.array([start])]
    for direction in directions:
        g.append(device.pulse(g[-1], direction, devices))
    return np.concatenate(g)


STEPS = st.floats(1e-8, 2e-5)
BIAS = st.floats(-0.9, 0.9)
ZERO = st.floats(LOW + 1e-6, HIGH - 1e-6)
SHAPE = st.floats(-2.0, 2.0)
FACTORS = st.lists(st.floats(0.1, 3.0), min_size=4, max_size=4).map(tuple)
LAWS = st.one_of(
    st.builds(Constant, step=STEPS, up_down=BIAS, zero=ZERO),
    st.builds(Linear, step=STEPS, up_down=BIAS, zero=ZERO, gamma_up=SHAPE, gamma_down=SHAPE),
    st.builds(SoftBounds, step=STEPS, up_down=BIAS, zero=ZERO),
    st.builds(
        Exponential,
        step=STEPS,
        up_down=BIAS,
        zero=ZERO,
        A_up=SHAPE,
        A_down=SHAPE,
        gamma_up=SHAPE,
        gamma_down=SHAPE,
        a=SHAPE,
        b=SHAPE,
    ),
    st.builds(Power, step=STEPS, up_down=BIAS, gamma_up=st.floats(0.2, 3), gamma_down=st.floats(0.2, 3)),
    st.builds(Piecewise, step=STEPS, up_down=BIAS, up=FACTORS, down=FACTORS),
    st.builds(Piecewise, step=STEPS, up=FACTORS, down=st.just((0.5,))),
)


@given(law=LAWS, start=st.floats(LOW, HIGH), directions=st.lists(st.sampled_from([1, -1]), max_size=80))
@settings(deadline=None, max_examples=150)
def test_a_curve_without_noise_is_its_formula_applied_pulse_by_pulse(law, start, directions):
    device = Device("d", LOW, HIGH, law=law)
    np.testing.assert_allclose(played(device, start, directions), curve(law, start, directions), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("name", ["ReRamES", "ReRamSB", "EcRam", "EcRamMO", "PCM", "HfO2Array"])
@pytest.mark.parametrize("direction", [1, -1])
def test_the_whole_curve_of_a_preset_is_its_formula(name, direction):
    device = load_device(name).noiseless()
    start = device.g_min + (0.25 if direction > 0 else 0.75) * (device.g_max - device.g_min)
    found = played(device, start, [direction] * 300)
    wanted = curve(device.law, start, [direction] * 300, device.g_min, device.g_max)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=0)


@needs("devices")
def test_300_pulses_move_the_presets_as_they_move_aihwkits():
    with open(DATA / "devices" / "aihwkit_curves_no_noise.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for row in rows:
        device, law = load_device(row["device"]).noiseless(), device_record(row["device"]).law
        low, high = law.weight_min.value, law.weight_max.value
        direction = 1 if row["dir"] == "up" else -1
        unit = (device.g_max - device.g_min) / (high - low)
        # The reference starts at half a weight against the direction.
        start = device.g_min + (-0.5 * direction - low) * unit
        weight = (played(device, start, [direction] * 300)[-1] - device.g_min) / unit + low
        assert weight == pytest.approx(float(row["aihwkit@300"]), abs=1e-6)
        assert weight == pytest.approx(float(row["own@300"]), abs=1e-12)


@needs("devices")
@pytest.mark.parametrize("name", ["ReRamES", "ReRamSB", "EcRam", "EcRamMO", "PCM", "HfO2Array"])
def test_the_figures_of_a_preset_are_those_of_its_source(name):
    preset = {"HfO2Array": "ReRamArrayHfO2"}.get(name, name) + "PresetDevice"
    with open(DATA / "devices" / "device_presets.csv") as file:
        wanted = {r["parameter"]: r["value"] for r in csv.DictReader(file) if r["preset"] == f"aihwkit/{preset}"}
    record, device = device_record(name), load_device(name)
    named = {"law.weight_min": "w_min", "law.weight_max": "w_max", "law.step": "dw_min", "law.up_down": "up_down"}
    named |= {f"law.{key}": key for key in ("gamma_up", "gamma_down", "A_up", "A_down", "a", "b")}
    named |= {"variation.step": "dw_min_dtod", "variation.up_down": "up_down_dtod"}
    named |= {"variation.g_min": "w_min_dtod", "variation.g_max": "w_max_dtod"}
    named |= {"variation.gamma_up": "gamma_up_dtod", "variation.gamma_down": "gamma_down_dtod"}
    named |= {"cycle.std": "dw_min_std", "cycle.offset": "dw_min_std_add", "cycle.slope": "dw_min_std_slope"}
    for key, figure in record.pulse_figures().items():
        if key.startswith("drift"):
            continue
        assert figure.value == float(wanted[named[key]]), key
        assert named[key] in figure.source
    left_out = {parameter for key, parameter in named.items() if key not in record.pulse_figures()}
    assert all(float(wanted.get(parameter, 0)) == 0 for parameter in left_out)
    assert record.variation["step"].kind == ("log_normal" if wanted["dw_min_dtod_log_normal"] == "True" else "normal")
    unit = (device.g_max - device.g_min) / (float(wanted["w_max"]) - float(wanted["w_min"]))
    noise = float(wanted["write_noise_std"]) * float(wanted["dw_min"]) * unit
    assert device.write_noise == pytest.approx(noise, rel=1e-12)


@needs("devices")
def test_the_drift_of_pcm_is_the_lower_limit_of_its_sources_law():
    with open(DATA / "devices" / "device_presets.csv") as file:
        rows = csv.DictReader(file)
        wanted = {row["parameter"]: row["value"] for row in rows if row["preset"] == "aihwkit/PCMLikeNoiseModel"}
    drift = load_device("PCM").drift
    assert drift.exponent == float(wanted["drift nu mean clip lo"])
    assert drift.variation == float(wanted["drift nu std clip lo"])
    assert drift.reference == float(wanted["t_0"])
    assert load_device("PCM").g_max == pytest.approx(1e-6 * float(wanted["g_max"]))


def test_up_and_down_pulses_are_told_apart_by_the_bias_that_shrinks_one_of_them():
    for bias, up, down in ((0.25, 1.0, 0.75), (-0.25, 0.75, 1.0)):
        devices = Device("d", LOW, HIGH, law=Constant(step=1e-6, up_down=bias)).sample(1)
        assert devices.step_up[0] == pytest.approx(up * 1e-6)
        assert devices.step_down[0] == pytest.approx(down * 1e-6)


# Device-to-device variation.


def same_moments(found, mean, std):
    """Mean and standard deviation of many normal draws, within three standard errors."""
    assert found.mean() == pytest.approx(mean, abs=3 * std / math.sqrt(len(found)))
    assert found.std() == pytest.approx(std, abs=3 * std / math.sqrt(2 * len(found)))


LAW = Exponential(step=1e-6, zero=60e-6, A_up=0.5, A_down=-0.3, gamma_up=2.0, gamma_down=3.0, a=0.8, b=0.1)


@pytest.mark.parametrize("name", [name for name in parameters(LAW) if name not in ("step", "up_down")])
@pytest.mark.parametrize("kind", ["normal", "log_normal", "additive"])
def test_every_parameter_is_spread_as_it_is_stated(name, kind):
    nominal = {"g_min": LOW, "g_max": HIGH, "zero": 60e-6, "step_up": 1e-6, "step_down": 1e-6}
    value = nominal.get(name, getattr(LAW, name, None))
    away = {"g_min": 60e-6 - LOW, "g_max": HIGH - 60e-6, "step_up": 1.0, "step_down": 1.0}.get(name, value)
    std = 0.1 * abs(away) if kind == "additive" else 0.1
    devices = Device("d", LOW, HIGH, law=LAW, variation={name: Variation(std, kind)}).sample(MANY, 3)
    found = getattr(devices, name)
    if name.startswith("g_m"):
        found = np.abs(found - 60e-6)
    if name.startswith("step"):
        found = found / 1e-6
    if kind == "log_normal":
        same_moments(np.log(found / away), 0.0, 0.1)
    else:
        same_moments(found, away, 0.1 * abs(away))
    for other in parameters(LAW):
        if other not in (name, "step", "up_down", "zero") and name != "zero":
            assert np.ptp(getattr(devices, other)) == 0


@pytest.mark.parametrize("kind", ["normal", "log_normal"])
def test_the_step_of_both_directions_shares_one_factor_and_the_bias_takes_from_one_what_it_gives_the_other(kind):
    variation = {"step": Variation(0.2, kind), "up_down": Variation(0.05, "additive")}
    device = Device("d", LOW, HIGH, law=SoftBounds(step=1e-6, up_down=0.1), variation=variation)
    devices = device.sample(MANY, 5)
    up, down = devices.step_up / 1e-6, devices.step_down / 1e-6 + 0.1
    gain, bias = (up + down) / 2, (up - down) / 2
    if kind == "log_normal":
        same_moments(np.log(gain), 0.0, 0.2)
    else:
        same_moments(gain, 1.0, 0.2)
    same_moments(bias, 0.0, 0.05)
    assert abs(np.corrcoef(gain, bias)[0, 1]) < 3 / math.sqrt(MANY)


def folded(mean, std):
    """Mean and standard deviation of the size of a normal number."""
    cut = math.erf(mean / (std * math.sqrt(2)))
    first = std * math.sqrt(2 / math.pi) * math.exp(-0.5 * (mean / std) ** 2) + mean * cut
    return first, math.sqrt(mean**2 + std**2 - first**2)


def test_a_spread_wider_than_the_window_is_folded_and_no_device_conducts_less_than_nothing():
    array = load_device("HfO2Array")
    devices = array.sample(MANY, 1)
    zero, half = array.law.zero, (array.g_max - array.g_min) / 2
    mean, std = folded(half, array.variation["g_max"].std * half)
    found = devices.g_max - zero
    assert found.mean() == pytest.approx(mean, abs=3 * std / math.sqrt(MANY))
    assert (devices.g_min >= 0).all()
    assert (devices.g_min == 0).any()
    assert (devices.g_min <= zero).all()
    assert (devices.step_up >= 0).all()
    assert (devices.step_down >= 0).all()


def test_parameters_that_share_a_word_share_their_draws_and_others_do_not():
    variation = {
        "gamma_up": Variation(0.1, shared="shape"),
        "gamma_down": Variation(0.2, shared="shape"),
        "a": Variation(0.1),
    }
    devices = Device("d", LOW, HIGH, law=LAW, variation=variation).sample(MANY, 0)
    together = np.corrcoef(devices.gamma_up, devices.gamma_down)[0, 1]
    apart = np.corrcoef(devices.gamma_up, devices.a)[0, 1]
    assert together == pytest.approx(1.0, abs=1e-9)
    assert abs(apart) < 3 / math.sqrt(MANY)


# Pulse-to-pulse errors.


@pytest.mark.parametrize(
    ("cycle", "size"),
    [
        (Cycle(0.3, "change"), 0.3 * 0.5e-6),
        (Cycle(0.3, "step"), 0.3 * 1e-6),
        (Cycle(0.3, "mixed", offset=2e-6, slope=0.01), 0.3 * (0.5e-6 + 2e-6 + 0.01 * 25e-6)),
    ],
)
@pytest.mark.parametrize("direction", [1, -1])
def test_the_error_of_a_pulse_is_as_large_as_its_kind_says(cycle, size, direction):
    device = Device("d", LOW, HIGH, law=SoftBounds(step=1e-6), cycle=cycle)
    start = 70e-6 + 25e-6 * direction
    found = device.pulse(start, direction, device.sample(MANY, 2)) - start
    same_moments(found, direction * 0.5e-6, size)


@pytest.mark.parametrize("rho", [0.0, 0.7, -0.5])
def test_errors_of_successive_pulses_are_correlated_as_stated(rho):
    device = Device("d", LOW, HIGH, law=Constant(step=1e-8), cycle=Cycle(1.0, "step", correlation=rho))
    devices = device.sample(MANY, 4)
    g = [np.full(MANY, 70e-6)]
    for _ in range(3):
        g.append(device.pulse(g[-1], 1, devices))
    errors = np.diff(np.array(g), axis=0)
    for lag in (1, 2):
        found = np.corrcoef(errors[0], errors[lag])[0, 1]
        assert found == pytest.approx(rho**lag, abs=3 * (1 - rho ** (2 * lag)) / math.sqrt(MANY) + 1e-12)
    same_moments(errors[2], 1e-8, 1e-8)


NOISY = {
    "law": Device("d", LOW, HIGH, law=SoftBounds(step=1e-6), cycle=Cycle(2.0, "step", correlation=0.4)),
    "levels": Device("d", LOW, HIGH, levels=64, write_noise=1e-6),
    "table": Device(
        "d",
        LOW,
        HIGH,
        law=MeasuredLaw(
            conductance=[[LOW, HIGH]],
            probability=[0.1, 0.9],
            up=[[[1e-6, 0.0], [4e-6, 1e-6]]],
            down=[[[-1e-6, -5e-6], [1e-6, 0.0]]],
        ),
    ),
}


@pytest.mark.parametrize("kind", NOISY)
@given(pulses=st.lists(st.integers(-5, 5), min_size=4, max_size=4), cuts=st.integers(0, 5), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_the_bits_do_not_depend_on_how_pulses_are_batched(kind, pulses, cuts, seed):
    device = NOISY[kind]
    whole = device.pulse(70e-6, pulses, device.sample(4, seed))
    devices, g = device.sample(4, seed), np.full(4, 70e-6)
    left = np.array(pulses)
    # Devices one after the other, the last one first, each with its pulses in two parts.
    for i in (3, 1, 0, 2):
        first = np.sign(left[i]) * min(cuts, abs(left[i]))
        for part in (first, left[i] - first):
            one = np.zeros(4, dtype=int)
            one[i] = part
            g = device.pulse(g, one, devices)
    assert g.tobytes() == whole.tobytes()


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    device = load_device("ReRamSB")
    one, two, other = (device.pulse(100e-6, 3, device.sample(50, seed)) for seed in (1, 1, 2))
    assert one.tobytes() == two.tobytes()
    assert (one != other).all()


def test_a_generator_given_to_a_pulse_draws_its_errors():
    device = load_device("ReRamSB")
    devices = device.sample(50, 0)
    draws = [device.pulse(100e-6, 1, devices, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert draws[0].tobytes() == draws[1].tobytes()
    assert (draws[0] != draws[2]).all()
    assert devices.counts.sum() == 0


# Tables.


def kolmogorov(found, wanted):
    """The largest distance between the distributions of two samples."""
    # g + change - g is not the change to the last bit, and ties are frequent.
    found, wanted = np.round(found, 15), np.round(wanted, 15)
    both = np.sort(np.concatenate([found, wanted]))
    one, two = (np.searchsorted(np.sort(x), both, side="right") / len(x) for x in (found, wanted))
    return np.abs(one - two).max()


@needs("devices")
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("point", [2, 10, 20, 30, 38])
def test_pulses_on_the_measured_taox_devices_are_distributed_as_tabulated(direction, point):
    taox = load_device("TaOx41")
    with np.load(DATA / "devices" / "taox_41_tables.npz") as file:
        conductance = file["conductance"]
        tabulated = file["set_change" if direction > 0 else "reset_change"].astype(float)
    law = taox.law.load()
    for number in (0, 17, 40):
        one = MeasuredLaw(
            conductance=law.conductance[[number]],
            probability=law.probability,
            up=law.up[[number]],
            down=law.down[[number]],
        )
        device = Device("one", taox.g_min, taox.g_max, law=one)
        start = conductance[number, point]
        found = device.pulse(np.full(200_000, start), direction, device.sample(200_000, point)) - start
        window = conductance[number, 0] - start, conductance[number, -1] - start
        assert kolmogorov(found, np.clip(tabulated[number, :, point], *window)) <= 0.01


@needs("devices")
def test_an_array_is_of_all_measured_devices_alike_each_with_its_own_window():
    taox = load_device("TaOx41")
    devices = taox.sample(MANY, 0)
    counts = np.bincount(devices.number.astype(int), minlength=41)
    share = MANY / 41
    assert np.sum((counts - share) ** 2 / share) < 40 + 4 * math.sqrt(80)
    axes = taox.law.load().conductance
    assert (devices.g_min == axes[devices.number.astype(int), 0]).all()
    assert (devices.g_max == axes[devices.number.astype(int), -1]).all()


def test_a_pulse_between_the_points_of_a_table_is_drawn_from_between_their_distributions():
    device = NOISY["table"]
    devices = device.sample(MANY, 8)
    for g, direction in ((45e-6, 1), (95e-6, -1)):
        found = device.pulse(g, direction, devices) - g
        wanted = device.law.quantile((np.arange(MANY) + 0.5) / MANY, g, up=direction > 0)
        assert kolmogorov(found, wanted) < 1.63 / math.sqrt(MANY)


def test_correlated_pulses_of_a_table_keep_its_distribution():
    law = NOISY["table"].law
    device = Device("d", LOW, HIGH, law=law, cycle=Cycle(correlation=0.6))
    devices = device.sample(MANY, 8)
    first = device.pulse(70e-6, 1, devices) - 70e-6
    second = device.pulse(70e-6, 1, devices) - 70e-6
    wanted = law.quantile((np.arange(MANY) + 0.5) / MANY, 70e-6, up=True)
    assert kolmogorov(second, wanted) < 1.63 / math.sqrt(MANY)
    assert np.corrcoef(first, second)[0, 1] > 0.5


def test_a_table_without_noise_gives_its_expected_change():
    device = NOISY["table"]
    quiet = device.noiseless()
    for g, direction in ((LOW, 1), (50e-6, 1), (90e-6, -1)):
        wanted = device.law.quantile((np.arange(MANY) + 0.5) / MANY, g, up=direction > 0).mean()
        assert quiet.pulse([g], direction)[0] - g == pytest.approx(wanted, rel=1e-6)


def test_measured_devices_without_their_data_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    device = load_device("TaOx41")
    assert device.g_max == 132.6e-6
    with pytest.raises(DeviceError, match=r"(?s)taox_41_tables\.npz.*cross-sim-data.*\$NEURO_DATA"):
        device.sample(3)


# What a description may be.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(step=0.0), "step"),
        (lambda: Constant(step=1e-6, up_down=1.5), "up_down"),
        (lambda: Linear(step=1e-6, gamma_up=np.nan), "gamma_up"),
        (lambda: Power(step=1e-6, gamma_up=-1.0), "gamma_up"),
        (lambda: Piecewise(step=1e-6, up=()), "up"),
        (lambda: Piecewise(step=1e-6, up=(1, 2), down=(1, 2, 3)), "equally many"),
        (lambda: Variation(-0.1), "std"),
        (lambda: Variation(0.1, "uniform"), "normal, log_normal, additive"),
        (lambda: Cycle(0.1, "step", correlation=1.1), "correlation"),
        (lambda: Cycle(0.1, "whole"), "change, step, mixed"),
        (lambda: MeasuredLaw(conductance=[[2, 1]], probability=[0], up=[[[0, 0]]], down=[[[0, 0]]]), "rise"),
        (lambda: MeasuredLaw(conductance=[[1, 2]], probability=[0], up=[[[0]]], down=[[[0, 0]]]), "shape"),
        (lambda: MeasuredLaw(conductance=[[1, 2]], probability=[0, 2], up=np.zeros((1, 2, 2)), down=0), "axes"),
        (lambda: Device("d", LOW, HIGH, law="linear"), "laws"),
        (lambda: Device("d", LOW, HIGH, law=Constant(step=1e-6, zero=1e-3)), "zero"),
        (lambda: Device("d", LOW, HIGH, variation={"step": Variation(0.1)}), "variation"),
        (
            lambda: Device("d", LOW, HIGH, law=SoftBounds(step=1e-6), variation={"A_up": Variation(0.1)}),
            "A_up.*step_down",
        ),
        (lambda: Device("d", LOW, HIGH, law=SoftBounds(step=1e-6), variation={"step": 0.1}), "Variation"),
        (lambda: Device("d", LOW, HIGH).sample(1), "continuous"),
        (lambda: Device("d", LOW, HIGH, levels=4).pulse([1e-6], 0.5), "whole"),
        (lambda: Device("d", LOW, HIGH, levels=4).pulse([1e-6, np.inf], 1), "finite"),
    ],
)
def test_what_no_device_can_be_is_refused_by_name(make, message):
    with pytest.raises(DeviceError, match=message):
        make()


def test_a_pulse_needs_as_many_conductances_as_devices():
    device = Device("d", LOW, HIGH, levels=4)
    with pytest.raises(DeviceError, match="one conductance for each device"):
        device.pulse([1e-6, 2e-6, 3e-6], 1, device.sample(2))
    with pytest.raises(DeviceError, match="one number for each device"):
        device.pulse(1e-6, [1, 2, 3], device.sample(2))
