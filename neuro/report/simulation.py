"""The report of `neuro simulate`: a network of a NIR file, run on spikes of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuro.engine.recording import Recording
from neuro.engine.run import run
from neuro.exchange.nir import read_nir
from neuro.exchange.spike_files import read_spikes
from neuro.network.graph import Network
from neuro.progress import ProgressOption
from neuro.report.origin import Usage, provenance
from neuro.report.record import Report, Table
from neuro.validation import choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["simulate"]

MOST_TICKS = 200_000
"""Spikes that a raster shows at most: the first ones."""


def simulate(
    net: Path,
    spikes: Path | None,
    duration: float,
    *,
    engine: str = "exact",
    dt: float = 1e-4,
    reset: str | None = None,
    decay: str = "euler",
    initial: str = "zero",
    progress: ProgressOption = None,
) -> tuple[Report, Recording]:
    """Run the network of a NIR file, and report the spikes of every node.

    Parameters
    ----------
    net, reset, decay, initial
        As for `read_nir`.
    spikes
        A file for `read_spikes`; None: no input.
    duration
        Seconds.
    engine
        "exact" or "clocked".
    dt
        Duration of a spike and step of the clocked engine, s.

    Returns
    -------
    Report, Recording
        Its metrics are ``spikes/NODE``, the number of spikes of each node.

    Raises
    ------
    NeuroError
        As `read_nir`, `read_spikes` and `run`.
    """
    usage = Usage()
    choice(engine, "engine", ("exact", "clocked"))
    told: dict[str, Any] = {"reset": reset, "decay": decay, "initial": initial}
    network = read_nir(net, dt=dt, **told)
    inputs: dict[str, Any] = {} if spikes is None else dict(read_spikes(spikes, network, dt=dt))
    options: dict[str, Any] = {"engine": "clocked", "dt": dt} if engine == "clocked" else {}
    recording = run(network, duration, inputs=inputs, progress=progress, **options)
    counts = {name: len(recording.spikes[name]) for name in network.populations}
    length = recording.stop - recording.start
    rows = tuple(
        (name, type(p.model).__name__, p.size, counts[name], counts[name] / p.size / length if length else 0.0)
        for name, p in network.populations.items()
    )
    assumed = network.provenance["assumptions"]
    report = Report(
        task="simulate",
        config={"net": str(net), "input": None if spikes is None else str(spikes), "duration": duration,
                "engine": engine, "dt": dt, "reset": reset},
        metrics={f"spikes/{name}": count for name, count in counts.items()},
        provenance={**provenance(0, usage=usage), "assumptions": assumed},
        tables=(
            Table(f"Spikes in {length:g} s", ("node", "model", "neurons", "spikes", "rate (Hz)"), rows),
            Table("What was assumed", ("assumption",), tuple((each,) for each in assumed)),
        ),
        figures={"raster": lambda: _raster(network, recording)},
    )  # fmt: skip
    return report, recording


def _raster(network: Network, recording: Recording) -> Figure:
    """All spikes, one row a neuron, populations one above the other."""
    from neuro.report.draw import stacked
    from neuro.report.plots import spike_raster

    sizes = {name: int(population.size) for name, population in network.populations.items()}
    times, rows, groups = stacked({name: recording.spikes[name] for name in sizes}, sizes, MOST_TICKS)
    window = (recording.start, recording.stop)
    return spike_raster(
        times, rows, size=sum(sizes.values()), window=window, groups=groups, title="Spikes of all nodes"
    )
