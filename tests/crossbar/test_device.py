"""Devices: what a description may be, and that every shipped figure has a source and is found."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import neuro
from neuro.crossbar.device import catalog as module
from neuro.crossbar.device.catalog import device_record, list_devices, load_device
from neuro.crossbar.device.device import Device
from neuro.errors import DeviceError, UnknownName
from neuro.paths import models_dir

PACKAGE = Path(neuro.__file__).parent

RECORD = """
name = "{name}"
[g_min]
value = 1e-6
unit = "{unit}"
source = "{source}"
[g_max]
value = 2e-6
unit = "S"
source = "here"
[write_noise]
value = 0.0
unit = "S"
source = "here"
"""


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of model data of our own."""
    (tmp_path / "devices").mkdir()
    monkeypatch.setattr(module, "models_dir", lambda: tmp_path)
    return tmp_path / "devices"


@pytest.mark.parametrize("name", list_devices())
def test_every_preset_loads_and_each_of_its_figures_has_unit_and_source(name):
    device = load_device(name)
    figures = device_record(name).figures()
    assert {"g_min", "g_max", "write_noise"} <= set(figures)
    for key, figure in figures.items():
        assert getattr(device, key) == figure.value
        assert figure.unit == ("1" if key == "levels" else "S")
        assert figure.source.strip()
        assert figure.source in device.source
        assert "recalled" not in figure.source.lower()


def test_the_ideal_device_is_continuous_and_written_exactly():
    ideal = load_device("ideal")
    assert (ideal.g_min, ideal.g_max, ideal.levels, ideal.write_noise, ideal.step) == (0, 150e-6, None, 0, 0)


def test_the_taox_chip_has_the_figures_of_the_task():
    taox = load_device("taox_64x64")
    assert (taox.g_min, taox.g_max, taox.levels, taox.write_noise) == (0, 150e-6, 64, 3.894e-6)
    assert "choice" in device_record("taox_64x64").levels.source


def test_the_step_divides_the_window_into_its_levels():
    device = Device("d", g_min=10e-6, g_max=100e-6, levels=10)
    assert device.step == pytest.approx(10e-6, rel=1e-12)


def test_a_device_loads_from_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(RECORD.format(name="mine", unit="S", source="here"))
    for given in (path, str(path)):
        device = load_device(given)
        assert (device.name, device.g_min, device.g_max) == ("mine", 1e-6, 2e-6)
    with pytest.raises(FileNotFoundError):
        load_device(tmp_path / "missing.toml")


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UnknownName, match=r"'taox'.*ideal, taox_64x64"):
        load_device("taox")
    with pytest.raises(UnknownName):
        load_device("../devices/ideal")


def test_the_models_of_a_checkout_are_found():
    assert models_dir() == PACKAGE.parent / "models"


def test_the_models_of_a_wheel_are_found_before_a_foreign_folder_beside_it(tmp_path):
    package = tmp_path / "neuro"
    (tmp_path / "models" / "devices").mkdir(parents=True)
    (package / "_models" / "devices").mkdir(parents=True)
    assert models_dir(package) == package / "_models"


def test_an_installed_package_loads_its_presets_from_anywhere(tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(PACKAGE, site / "neuro", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(models_dir(), site / "neuro" / "_models")
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from neuro.crossbar.device.catalog import load_device\n"
        "from neuro.paths import models_dir\n"
        "print(models_dir()); print(load_device('taox_64x64').levels)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == [str(site / "neuro" / "_models"), "64"]


def test_missing_models_are_an_error_that_names_both_places(tmp_path):
    with pytest.raises(DeviceError, match=r"_models or .*models"):
        models_dir(tmp_path / "neuro")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"g_min": -1e-6}, "Device.g_min: must not be"),
        ({"g_max": float("inf")}, "Device.g_max: must be"),
        ({"g_max": float("nan")}, "Device.g_max: must be"),
        ({"write_noise": -1e-9}, "Device.write_noise: must not be"),
        ({"write_noise": "low"}, "Device.write_noise: must be"),
        ({"g_min": 2e-6}, "`g_max` must be above `g_min`.*2e-06"),
        ({"levels": 1}, "at least 2; got 1"),
        ({"levels": 2.5}, "at least 2; got 2.5"),
        ({"levels": True}, "at least 2"),
    ],
)
def test_an_impossible_device_is_refused(changes, message):
    with pytest.raises(DeviceError, match=message):
        Device(**{"name": "d", "g_min": 1e-6, "g_max": 2e-6, **changes})


def test_a_record_without_source_or_in_other_units_is_refused(models):
    for name, unit, source in (("a", "S", ""), ("b", "uS", "here")):
        (models / f"{name}.toml").write_text(RECORD.format(name=name, unit=unit, source=source))
        with pytest.raises(DeviceError, match=rf"{name}.toml.*g_min"):
            load_device(name)


def test_a_record_of_another_name_or_not_toml_is_refused(models):
    (models / "a.toml").write_text(RECORD.format(name="b", unit="S", source="here"))
    with pytest.raises(DeviceError, match="name of its file"):
        load_device("a")
    (models / "c.toml").write_text("name = ")
    with pytest.raises(DeviceError, match="valid TOML"):
        load_device("c")


def test_a_good_record_of_our_own_loads(models):
    (models / "a.toml").write_text(RECORD.format(name="a", unit="S", source="there"))
    assert load_device("a") == Device("a", 1e-6, 2e-6, source="g_min: there; g_max: here; write_noise: here")
