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
    from neuro.chip.placement import Placement, placed
    from neuro.chip.stored import load_placement
    from neuro.crossbar.array import Crossbar
    from neuro.crossbar.device import Device, load_device
    from neuro.crossbar.faults import Faults
    from neuro.crossbar.reading import Reading
    from neuro.crossbar.wires import Wires
    from neuro.crossbar.writing import Writing
    from neuro.engine.checkpoint import load_state
    from neuro.engine.clocked import run_batch
    from neuro.engine.clocked_program import build_clocked
    from neuro.engine.interrupts import raise_interrupts
    from neuro.engine.program import Program, build
    from neuro.engine.recording import Current, Record, Recording, Spikes
    from neuro.engine.run import run
    from neuro.engine.stored import load_recording
    from neuro.exchange.nir import read_nir
    from neuro.learning.plasticity import STDP, EventLocal
    from neuro.mapping.place import place

__version__ = "0.1.0"

# numba and scipy take half a second to import; a description needs neither.
_LATER = {
    "EventLocal": "neuro.learning.plasticity",
    "STDP": "neuro.learning.plasticity",
    "Chip": "neuro.chip.model",
    "Crossbar": "neuro.crossbar.array",
    "Current": "neuro.engine.recording",
    "Device": "neuro.crossbar.device",
    "EnergyReport": "neuro.accounting.report",
    "Placement": "neuro.chip.placement",
    "Faults": "neuro.crossbar.faults",
    "Program": "neuro.engine.program",
    "Record": "neuro.engine.recording",
    "Reading": "neuro.crossbar.reading",
    "Recording": "neuro.engine.recording",
    "Spikes": "neuro.engine.recording",
    "account": "neuro.accounting.account",
    "Wires": "neuro.crossbar.wires",
    "Writing": "neuro.crossbar.writing",
    "build": "neuro.engine.program",
    "build_clocked": "neuro.engine.clocked_program",
    "list_chips": "neuro.chip.load",
    "load_chip": "neuro.chip.load",
    "load_device": "neuro.crossbar.device",
    "load_placement": "neuro.chip.stored",
    "load_recording": "neuro.engine.stored",
    "load_state": "neuro.engine.checkpoint",
    "mesh_chip": "neuro.chip.model",
    "place": "neuro.mapping.place",
    "placed": "neuro.chip.placement",
    "raise_interrupts": "neuro.engine.interrupts",
    "read_nir": "neuro.exchange.nir",
    "run": "neuro.engine.run",
    "run_batch": "neuro.engine.clocked",
}

__all__ = [
    "AHP",
    "ALIF",
    "IF",
    "LIF",
    "STDP",
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
    "list_chips",
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
