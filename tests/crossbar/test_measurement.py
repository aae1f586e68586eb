"""Measurements: what a known device did, written to a file, becomes that device again."""

import numpy as np
import pytest

from neuro.crossbar.device.device import Device
from neuro.crossbar.device.fit import device_from_measurement, fit
from neuro.crossbar.device.laws import Cycle, Exponential, Linear, Power, SoftBounds
from neuro.errors import DataError, DeviceError, FitWarning, UnitWarning, UnknownName

LOW, HIGH = 10e-6, 110e-6
CYCLES = np.repeat([1, -1, 1, -1], 120)


def measured(device, ways=CYCLES, start=20e-6, seed=1):
    """Conductance before the first and after each of the pulses."""
    return device.sample(1, seed).play(np.array([start]), np.asarray(ways)[:, None])[:, 0]


def written(path, g, header="pulse,conductance"):
    lines = [header] if header else []
    path.write_text("\n".join([*lines, *(f"{k},{value:.17g}" for k, value in enumerate(g))]) + "\n")
    return path


@pytest.mark.parametrize(
    "law",
    [
        SoftBounds(step=1e-6, up_down=0.2),
        Linear(step=0.5e-6, up_down=-0.1, gamma_up=0.6, gamma_down=0.8),
        Power(step=3e-6, gamma_up=1.8, gamma_down=1.3),
        Exponential(step=1.5e-6, A_up=0.5, gamma_up=2.0, A_down=0.3, gamma_down=1.5),
    ],
    ids=lambda law: type(law).__name__,
)
def test_a_curve_without_errors_is_met_to_a_thousandth_of_its_window(tmp_path, law):
    g = measured(Device("d", LOW, HIGH, law=law))
    found = fit(written(tmp_path / "curve.csv", g))
    np.testing.assert_allclose(found.fitted, found.conductance, atol=1e-3 * np.ptp(g))
    again = measured(found.device.noiseless())
    np.testing.assert_allclose(again, g, atol=1e-3 * np.ptp(g))
    assert found.device.cycle.std * law.step < 1e-3 * np.ptp(g)


def test_errors_of_pulses_and_of_reads_are_told_apart(tmp_path):
    law = SoftBounds(step=1e-6)
    ways = np.repeat([1, -1] * 4, 250)
    for std, read in ((0.8, 0.0), (0.0, 1e-6), (0.8, 1e-6)):
        device = Device("d", LOW, HIGH, law=law, cycle=Cycle(std, "step"), write_noise=read)
        g = measured(device, ways)
        lines = [f"{k},{value:.17g},{way}" for k, (value, way) in enumerate(zip(g, [1, *ways], strict=True))]
        path = tmp_path / "noisy.csv"
        path.write_text("\n".join(lines))
        found = fit(path, law="soft bounds").device
        step = found.sample(1).step_up[0]
        assert found.cycle.std * step == pytest.approx(std * 1e-6, abs=0.15e-6)
        assert found.write_noise == pytest.approx(read, abs=0.15e-6)
        assert step == pytest.approx(1e-6, rel=0.15)


def test_the_class_method_gives_the_device_of_the_fit(tmp_path):
    path = written(tmp_path / "mine.csv", measured(Device("d", LOW, HIGH, law=SoftBounds(step=1e-6))))
    device = device_from_measurement(path)
    assert device == fit(path).device
    assert device.name == "mine"
    assert "mine.csv" in device.source
    assert "soft bounds" in device.notes
    assert device_from_measurement(str(path), name="another").name == "another"


def test_the_file_may_be_written_in_several_ways(tmp_path):
    g = measured(Device("d", LOW, HIGH, law=SoftBounds(step=1e-6)))
    wanted = fit(written(tmp_path / "a.csv", g), law="soft bounds")
    ways = ["", *("set" if way > 0 else "reset" for way in CYCLES)]
    ways[0] = "set"
    texts = {
        "no header": "\n".join(f"{k},{value:.17g}" for k, value in enumerate(g)),
        "conductances alone": "\n".join(f"{value:.17g}" for value in g),
        "microsiemens": "# bench 3\nN;G (uS)\n" + "\n".join(f"{k};{1e6 * v:.17g}" for k, v in enumerate(g)),
        "directions": "pulse,polarity,conductance_S\n"
        + "\n".join(f"{k},{way},{value:.17g}" for k, (way, value) in enumerate(zip(ways, g, strict=True))),
    }
    for name, text in texts.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text)
        found = fit(path, law="soft bounds")
        assert found.device.law.step == pytest.approx(wanted.device.law.step, rel=1e-3), name
        assert found.branch.max() == 3, name


def test_pulses_that_nobody_measured_count(tmp_path):
    law = SoftBounds(step=1e-6)
    g = measured(Device("d", LOW, HIGH, law=law), [1] * 200)
    path = tmp_path / "every_tenth.csv"
    path.write_text("\n".join(f"{k},{g[k]:.17g}" for k in range(0, 201, 10)))
    found = fit(path, law="soft bounds")
    assert found.device.sample(1).step_up[0] == pytest.approx(1e-6, rel=0.2)
    np.testing.assert_allclose(found.fitted, found.conductance, atol=1e-3 * np.ptp(g))


@pytest.mark.parametrize("form", ["constant", "linear", "power", "exponential", "piecewise"])
@pytest.mark.parametrize("way", [1, -1])
def test_a_direction_that_was_not_measured_is_the_mirror_of_the_other(tmp_path, form, way):
    start = 20e-6 if way > 0 else 100e-6
    g = measured(Device("d", LOW, HIGH, law=SoftBounds(step=1e-6)), [way] * 150, start)
    path = written(tmp_path / "one.csv", g)
    device = fit(path, law=form).device.noiseless()
    assert "mirror" in fit(path, law=form).device.notes
    low, high = device.g_min, device.g_max
    near, far = low + 0.3 * (high - low), high - 0.3 * (high - low)
    up, down = device.pulse([near], 1) - near, device.pulse([far], -1) - far
    assert up[0] == pytest.approx(-down[0], rel=1e-6)


def test_a_curve_that_stays_at_the_end_of_its_window_turns_where_it_leaves_it(tmp_path):
    law = Linear(step=2e-6)
    g = measured(Device("d", LOW, HIGH, law=law, write_noise=0.2e-6), np.repeat([1, -1], 100))
    found = fit(written(tmp_path / "flat.csv", g), law="constant")
    turn = int(np.flatnonzero(np.diff(found.branch))[0])
    assert turn == pytest.approx(100, abs=2)
    assert found.device.g_max == pytest.approx(HIGH, abs=0.5e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a line for each pulse"),
        ("pulse,conductance\n", "a line for each pulse|four pulses"),
        ("0,1e-6\n1,2e-6\n", "four pulses"),
        ("pulse,current\n0,1e-6\n", "begin"),
        ("0,1e-6\n1,-2e-6\n2,1e-6\n3,1e-6\n4,1e-6\n5,2e-6", "below zero"),
        ("0,1e-6\n1,none\n2,1e-6\n", "every line"),
        ("\n".join(f"{k},1e-6" for k in range(9)), "change"),
    ],
)
def test_what_is_no_measurement_is_refused(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DeviceError, match=message):
        fit(path)


def test_a_missing_file_and_an_unknown_law_are_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        fit(tmp_path / "none.csv")
    with pytest.raises(UnknownName, match="soft bounds"):
        fit(tmp_path / "none.csv", law="cubic")


def branch_columns(path, header, scale=1.0, longer=0):
    """One column after pulses up and one after pulses down, as instruments write them."""
    device = Device("d", LOW, HIGH, law=SoftBounds(step=1e-6, up_down=0.2))
    up = scale * measured(device, ways=[1] * (60 + longer), start=LOW)[1:]
    down = scale * measured(device, ways=[-1] * 60, start=up[-1] / scale)[1:]
    cells = [[f"{g:.17g}" for g in part] + [""] * (len(up) - len(part)) for part in (up, down)]
    if "LTD" in header.partition(",")[2].partition(",")[0]:
        cells.reverse()
    path.write_text("\n".join([header, *(f"{k},{a},{b}" for k, (a, b) in enumerate(zip(*cells, strict=True)))]))
    return device, up / scale, down / scale


@pytest.mark.parametrize(
    ("header", "scale", "longer"),
    [
        ("pulse,G_LTP,G_LTD", 1.0, 0),
        ("pulse,G_LTP,G_LTD", 1.0, 7),
        ("pulse,G_LTD (uS),G_LTP (uS)", 1e6, 0),
        ("n,cond up,cond down", 1.0, 0),
        ("pulse,GSET_uS,GRESET_uS", 1e6, 0),
    ],
)
def test_a_column_for_each_direction_is_a_branch_for_each(header, scale, longer, tmp_path):
    device, up, down = branch_columns(tmp_path / "both.csv", header, scale, longer)
    found = fit(tmp_path / "both.csv", law="soft bounds")
    assert found.conductance == pytest.approx(np.concatenate([up, down]), rel=1e-12)
    assert found.branch.tolist() == [0] * len(up) + [1] * len(down)
    steps = [each.sample(1) for each in (found.device, device)]
    for key in ("step_up", "step_down"):
        assert getattr(steps[0], key) == pytest.approx(getattr(steps[1], key), rel=0.02), key
    assert "mirror" not in found.device.notes


@pytest.mark.parametrize("header", ["pulse,G1,G2", "pulse,G_LTP,G_up", "pulse,G_LTP,conductance", "n,G_LTP (uS),G_LTD"])
def test_columns_that_do_not_say_which_is_which_are_refused(header, tmp_path):
    branch_columns(tmp_path / "both.csv", header)
    with pytest.raises(DeviceError, match=r"both\.csv.*(which is which|one unit)"):
        fit(tmp_path / "both.csv")


@pytest.mark.parametrize("header", [None, "pulse,conductance", "pulse,G (S)"])
@pytest.mark.parametrize("scale", [1e6, 1e-6])
def test_conductances_of_no_memristor_are_refused_or_questioned(header, scale, tmp_path):
    g = scale * measured(Device("d", LOW, HIGH, law=SoftBounds(step=1e-6)))
    lines = [] if header is None else [header]
    (tmp_path / "odd.csv").write_text("\n".join([*lines, *(f"{k},{value:.17g}" for k, value in enumerate(g))]))
    if header == "pulse,G (S)":
        with pytest.warns(UnitWarning, match=r"1 nS and 10 mS.*as stated"):
            fit(tmp_path / "odd.csv", law="soft bounds")
        return
    with pytest.raises(DeviceError, match=r"no unit is stated.*got .* S.*unit="):
        fit(tmp_path / "odd.csv")
    if scale > 1.0:
        found = fit(tmp_path / "odd.csv", law="soft bounds", unit="uS")
        assert found.device.g_max == pytest.approx(HIGH, rel=0.05)
    with pytest.raises(DeviceError, match="unit"):
        fit(tmp_path / "odd.csv", unit="siemens")


def test_a_device_comes_from_its_measurement_by_name(tmp_path):
    path = written(tmp_path / "mine.csv", measured(Device("d", LOW, HIGH, law=SoftBounds(step=1e-6))))
    assert Device.from_measurement(path, law="soft bounds") == device_from_measurement(path, law="soft bounds")


def reverting(law, memory, size, seed, pulses=300):
    """A law along two branches, with noise that falls back to it: a share `memory` is left after a pulse."""
    rng, quiet = np.random.default_rng(seed), measured(Device("d", LOW, HIGH, law=law), np.repeat([1, -1], pulses), LOW)
    away = np.zeros(len(quiet))
    for k in range(1, len(away)):
        away[k] = memory * away[k - 1] + size * rng.normal()
    return np.abs(quiet + away)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("memory", [0.5, 0.8])
def test_a_device_whose_noise_reverts_wanders_as_far_as_its_measurement(memory, seed, tmp_path):
    path = written(tmp_path / "noisy.csv", reverting(SoftBounds(step=0.5e-6), memory, 2e-6, seed))
    found = fit(path, law="soft bounds")
    assert found.judgement.lag == 100
    assert found.judgement.expected == pytest.approx(found.judgement.deviation, rel=0.35)
    assert found.device.cycle.correlation < 0.0 or found.device.cycle.std == 0.0
    assert found.judgement.end < 0.2 * (HIGH - LOW)


def test_a_device_whose_errors_add_up_keeps_them_uncorrelated(tmp_path):
    device = Device("d", LOW, HIGH, law=SoftBounds(step=0.5e-6), cycle=Cycle(0.5, "step"))
    for seed in range(4):
        path = written(tmp_path / "walk.csv", measured(device, np.repeat([1, -1], 300), LOW, seed=seed + 1))
        assert fit(path, law="soft bounds").device.cycle.correlation == 0.0


def test_a_law_that_cannot_follow_the_measurement_says_so(tmp_path):
    bent = np.concatenate([np.linspace(LOW, 0.3 * HIGH, 150), np.linspace(0.3 * HIGH, HIGH, 30), np.full(150, HIGH)])
    path = written(tmp_path / "bent.csv", np.concatenate([bent, bent[::-1]]))
    with pytest.warns(FitWarning, match=r"bent\.csv.*does not follow it"):
        found = fit(path, law="soft bounds")
    assert found.judgement.remarks
    assert "does not follow" in found.device.notes
