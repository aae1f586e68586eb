"""Runs to show: results in memory, and folders as the command line leaves them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import neuro as nr
from neuro.learning.fitted import Fitted

__all__ = ["bill", "crossbar", "fitted", "large_recording", "placement", "recording", "write_run"]

SPIKES = 100_000


@cache
def network() -> nr.Network:
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.2)))
    net.connect("cue", "cell", nr.AllToAll(0.6), delay=1e-3)
    return net


@cache
def recording() -> nr.Recording:
    inputs = {"cue": nr.Spikes([1e-3, 2e-3, 30e-3], [0, 1, 1])}
    return nr.run(network(), 0.05, inputs=inputs, record=nr.Record(v={"cell": [0, 2]}))


@cache
def large_recording() -> nr.Recording:
    """100,000 spikes of 500 neurons in ten seconds."""
    rng = np.random.default_rng(0)
    spikes = nr.Spikes(rng.uniform(0, 10, SPIKES), rng.integers(0, 500, SPIKES))
    about = {"network": {"populations": {"cells": {"size": 500}}}}
    return nr.Recording({"cells": spikes}, {}, np.zeros(0), {}, 0.0, 10.0, about)


@cache
def placement() -> nr.Placement:
    return nr.placed(network(), nr.load_chip("loihi_davies2018"), {"cue": 0, "cell": 1})


@cache
def bill() -> nr.EnergyReport:
    return nr.account(recording(), placement(), dt=1e-3)


def crossbar() -> nr.AbstractCrossbar:
    return nr.Crossbar([[1.0, -1.0], [0.0, 0.5]], nr.Device("four", 0.0, 90e-6, levels=4))


def fitted() -> Fitted:
    return Fitted(nr.LayerWeights((np.eye(2),), (np.zeros(2),)), [0.2, 0.5, 0.75], [0.25, 0.5])


def write_run(folder: Path, **changes: Any) -> Path:
    """A folder with a report, as ``--out`` writes it."""
    folder.mkdir(parents=True)
    report = {
        "task": "braille",
        "preset": "smoke",
        "config": {"seed": 0, "trials": 9},
        "metrics": {"exact_words": 0.5, "spikes": 700.0},
        "energy": {},
        "provenance": {"seed": 0, "wall_seconds": 1.5},
        "tables": [{"title": "Words", "columns": ["word", "share"], "rows": [["b", 0.25], ["a", 0.75]]}],
        "figures": {},
    }
    (folder / "report.json").write_text(json.dumps(report | changes))
    return folder
