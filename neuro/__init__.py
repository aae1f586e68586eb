"""Event-exact simulation of spiking networks on memristor crossbars; the names here are the public interface."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neuro.errors import NeuroError
from neuro.network.convolution import Convolution2d
from neuro.network.graph import Network, Population, Projection
from neuro.network.loihi import LoihiAHP, LoihiLIF
from neuro.network.neurons import AHP, ALIF, IF, LIF, PoissonSource, SpikeSource
from neuro.network.synapses import AllToAll, Dense, FixedIndegree, FixedProbability, OneToOne, Sparse

if TYPE_CHECKING:
    from neuro.accounting.account import account
    from neuro.accounting.report import EnergyReport
    from neuro.chip.load import list_chips, load_chip
    from neuro.chip.model import Chip, mesh_chip
    from neuro.chip.placement import Placement, load_placement, placed
    from neuro.crossbar.base import AbstractCrossbar
    from neuro.crossbar.circuit.wires import Wires
    from neuro.crossbar.device.catalog import list_devices, load_device
    from neuro.crossbar.device.device import Device
    from neuro.crossbar.device.faults import Faults
    from neuro.crossbar.device.fit import device_from_measurement
    from neuro.crossbar.factory import Crossbar, crossbar_from_conductance
    from neuro.crossbar.read.settings import Reading
    from neuro.crossbar.write.settings import Writing
    from neuro.engine.clocked.program import build_clocked
    from neuro.engine.clocked.run import run_batch
    from neuro.engine.drive.interrupts import raise_interrupts
    from neuro.engine.drive.state import load_state
    from neuro.engine.lower.program import Program, build
    from neuro.engine.recording import Current, Record, Recording, Spikes
    from neuro.engine.run import run
    from neuro.engine.storage.recordings import load_recording
    from neuro.exchange.nir import read_nir
    from neuro.learning.spike_rules import STDP, EventLocal
    from neuro.mapping.place import place

__version__ = "0.1.0"

# numba and scipy take half a second to import; a description needs neither.
_LATER = {
    "AbstractCrossbar": "neuro.crossbar.base",
    "EventLocal": "neuro.learning.spike_rules",
    "STDP": "neuro.learning.spike_rules",
    "Chip": "neuro.chip.model",
    "Crossbar": "neuro.crossbar.factory",
    "Current": "neuro.engine.recording",
    "Device": "neuro.crossbar.device.device",
    "EnergyReport": "neuro.accounting.report",
    "Placement": "neuro.chip.placement",
    "Faults": "neuro.crossbar.device.faults",
    "Program": "neuro.engine.lower.program",
    "Record": "neuro.engine.recording",
    "Reading": "neuro.crossbar.read.settings",
    "Recording": "neuro.engine.recording",
    "Spikes": "neuro.engine.recording",
    "account": "neuro.accounting.account",
    "Wires": "neuro.crossbar.circuit.wires",
    "Writing": "neuro.crossbar.write.settings",
    "crossbar_from_conductance": "neuro.crossbar.factory",
    "device_from_measurement": "neuro.crossbar.device.fit",
    "list_devices": "neuro.crossbar.device.catalog",
    "build": "neuro.engine.lower.program",
    "build_clocked": "neuro.engine.clocked.program",
    "list_chips": "neuro.chip.load",
    "load_chip": "neuro.chip.load",
    "load_device": "neuro.crossbar.device.catalog",
    "load_placement": "neuro.chip.placement",
    "load_recording": "neuro.engine.storage.recordings",
    "load_state": "neuro.engine.drive.state",
    "mesh_chip": "neuro.chip.model",
    "place": "neuro.mapping.place",
    "placed": "neuro.chip.placement",
    "raise_interrupts": "neuro.engine.drive.interrupts",
    "read_nir": "neuro.exchange.nir",
    "run": "neuro.engine.run",
    "run_batch": "neuro.engine.clocked.run",
}

__all__ = [
    "AHP",
    "ALIF",
    "IF",
    "LIF",
    "STDP",
    "AbstractCrossbar",
    "AllToAll",
    "Chip",
    "Convolution2d",
    "Crossbar",
    "Current",
    "Dense",
    "Device",
    "EnergyReport",
    "EventLocal",
    "Faults",
    "FixedIndegree",
    "FixedProbability",
    "LoihiAHP",
    "LoihiLIF",
    "Network",
    "NeuroError",
    "OneToOne",
    "Placement",
    "PoissonSource",
    "Population",
    "Program",
    "Projection",
    "Reading",
    "Record",
    "Recording",
    "Sparse",
    "SpikeSource",
    "Spikes",
    "Wires",
    "Writing",
    "account",
    "build",
    "build_clocked",
    "crossbar_from_conductance",
    "device_from_measurement",
    "list_chips",
    "list_devices",
    "load_chip",
    "load_device",
    "load_placement",
    "load_recording",
    "load_state",
    "mesh_chip",
    "place",
    "placed",
    "raise_interrupts",
    "read_nir",
    "run",
    "run_batch",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'neuro' has no attribute {name!r}")
    value = getattr(import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
