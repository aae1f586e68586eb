"""`EnergyReport`: the cost of a run on a chip, joules and seconds by cause, core, link and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuro.chip.mesh import Links
from neuro.display import Displayed, Rows, amount, data_frame
from neuro.names import Named
from neuro.validation import Floats, choice

__all__ = ["EnergyReport", "Host"]


@dataclass(frozen=True, kw_only=True)
class Host:
    """Energy and time of the host that feeds the chip; None: unknown."""

    dynamic: float | None
    """Energy above that of the idle host, J."""
    static: float | None
    """Energy of the idle host, J."""
    latency: float | None
    """Duration of the run with the host at work, s."""

    @property
    def total(self) -> float | None:
        """Dynamic and static, J."""
        return None if self.dynamic is None and self.static is None else (self.dynamic or 0.0) + (self.static or 0.0)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EnergyReport(Displayed):
    """The cost of a recording on a placement.

    Causes, cores + links + static, and bins each sum to the total. The host is not part of the total.
    """

    chip: str
    """Name of the chip."""
    total: float
    """Energy of the chip, J; without unknown parts if `missing` is not empty."""
    range: tuple[float, float]
    """Lowest and highest total that the ranges of the figures allow, J."""
    by_cause: Mapping[str, float]
    """J by kind of event (the names of `neuro.chip.model.KINDS`), and ``"static"``; without those in `missing`."""
    by_population: Mapping[str, float]
    """J by population whose neurons or spikes cause them; static energy and write pulses belong to no population."""
    by_core: Floats
    """Dynamic energy of each core, J, shape (cores,)."""
    by_link: Floats
    """Energy of each link, J, shape (links,); in the order of `links`."""
    static: float
    """Static power times latency, J."""
    by_bin: Floats
    """J in each step, or in each time bin of a chip without steps, shape (bins,)."""
    step: float | None
    """Duration of a step of the network, s; None for a chip without steps."""
    bins: Floats
    """Beginnings of the steps or bins and the end of the last one, s in the recording's time, shape (bins + 1,)."""
    counts: Mapping[str, float]
    """Events by kind, those without cost included."""
    counts_by_bin: Mapping[str, Floats]
    """The same in each step or bin, shape (bins,)."""
    counts_by_core: Mapping[str, Floats]
    """The same on each core, without hops, shape (cores,)."""
    messages_by_link: Floats
    """Messages over each link, shape (links,)."""
    links: Links
    """The links of the mesh: tiles that each leaves and enters, and its kind."""
    latency: float | None
    """How long the chip takes for the run, s; None: unknown (`missing_time` says why)."""
    latency_range: tuple[float, float] | None
    """Shortest and longest latency that the ranges of the figures allow, s."""
    step_times: Floats | None
    """Duration of each step, s, shape (bins,): the slowest core, or the last message that has waited, then the barrier;
    None without steps."""
    busiest: float | None
    """Work of the busiest core, s, for a chip without steps."""
    flight: tuple[float, float] | None
    """Time of flight of messages over the mesh, s: on an empty mesh, mean and longest."""
    host: Host | None
    """The host that feeds the chip; None if the file of the chip has no host."""
    metrics: Mapping[str, float]
    """By NeuroBench's names: footprint (bytes), connection_sparsity, activation_sparsity, effective_acs,
    effective_macs, dense."""
    missing: Mapping[str, float] = field(default_factory=dict)
    """Unknown figures that the total lacks, and how many events need each."""
    missing_time: Mapping[str, float] = field(default_factory=dict)
    """The same for the latency."""
    range_by_cause: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest energy of each cause, J."""

    @property
    def complete(self) -> bool:
        """True if the total lacks no figure."""
        return not self.missing

    @property
    def dynamic(self) -> float:
        """Energy of events, J: the total without static power."""
        return self.total - self.static

    @property
    def edp(self) -> float | None:
        """Energy-delay product of the run, J s; None where the energy or the latency is not known."""
        return None if self.latency is None or not self.complete else self.total * self.latency

    def to_pandas(self, by: str = "cause") -> Any:
        """A part of the report as a `pandas.DataFrame`.

        Parameters
        ----------
        by
            "cause": ``energy``, ``low``, ``high`` (J) and ``count`` of each kind of event; energies are NaN where a
            figure is not known. "population": ``energy``. "core": ``energy``, and the counts by kind. "link": tiles
            ``from_x``, ``from_y``, ``to_x``, ``to_y``, ``messages`` and ``energy``. "bin": ``start`` and ``stop`` (s),
            ``energy``, and the counts by kind.

        Raises
        ------
        ParameterError
            If there is no such part.
        UnsupportedFeature
            If pandas is not installed: it is the extra ``pandas``.

        >>> import neuro as nr
        >>> net = nr.Network()
        >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
        >>> chip = nr.load_chip("loihi_davies2018")
        >>> report = nr.account(nr.run(net, 0.01), nr.placed(net, chip, {"cell": 0}), dt=1e-3)
        >>> report.to_pandas("population")["population"].tolist()
        ['cell']
        """
        match choice(by, "to_pandas, by", ("cause", "population", "core", "link", "bin")):
            case "cause":
                causes = [*self.counts, *(cause for cause in self.by_cause if cause not in self.counts)]
                ranges = [self.range_by_cause.get(cause, (np.nan, np.nan)) for cause in causes]
                return data_frame({
                    "cause": np.array(causes, object),
                    "energy": [dict(self.by_cause).get(cause, np.nan) for cause in causes],
                    "low": [low for low, _ in ranges],
                    "high": [high for _, high in ranges],
                    "count": [self.counts.get(cause, np.nan) for cause in causes],
                })  # fmt: skip
            case "population":
                names, values = list(self.by_population), list(self.by_population.values())
                return data_frame({"population": np.array(names, object), "energy": np.array(values, np.float64)})
            case "core":
                cores = {"core": np.arange(len(self.by_core)), "energy": self.by_core}
                return data_frame(cores | dict(self.counts_by_core))
            case "link":
                ends = (self.links.source, "from"), (self.links.target, "to")
                places = {f"{word}_{axis}": end[:, k] for end, word in ends for k, axis in enumerate("xy")}
                return data_frame(places | {"messages": self.messages_by_link, "energy": self.by_link})
            case _:
                steps = {"start": self.bins[:-1], "stop": self.bins[1:], "energy": self.by_bin}
                return data_frame(steps | dict(self.counts_by_bin))

    def as_dict(self) -> dict[str, Any]:
        """The report without values by step; JSON can hold it once arrays are lists."""
        return {
            "chip": self.chip,
            "complete": self.complete,
            "missing": dict(self.missing),
            "missing_time": dict(self.missing_time),
            "total_J": self.total,
            "range_J": list(self.range),
            "dynamic_J": self.dynamic,
            "static_J": self.static,
            "step_s": self.step,
            "latency_s": self.latency,
            "latency_range_s": None if self.latency_range is None else list(self.latency_range),
            "edp_Js": self.edp,
            "flight_s": None if self.flight is None else list(self.flight),
            "by_cause_J": dict(self.by_cause),
            "by_population_J": dict(self.by_population),
            "by_core_J": self.by_core,
            "by_link_J": self.by_link,
            "links": {"from": self.links.source, "to": self.links.target, "messages": self.messages_by_link},
            "counts": dict(self.counts),
            "host_J": None if self.host is None else self.host.total,
            "host_latency_s": None if self.host is None else self.host.latency,
            "neurobench": dict(self.metrics),
        }

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_cause", Named("cause of energy in this report", self.by_cause))
        object.__setattr__(self, "by_population", Named("population of this report", self.by_population))

    def _display(self) -> tuple[str, Rows]:
        low, high = (amount(end, "J") for end in self.range)
        title = f"Energy on {self.chip}: {amount(self.total, 'J')} ({low} to {high})"
        rows: list[tuple[str, object]] = [
            ("dynamic, static", f"{amount(self.dynamic, 'J')}, {amount(self.static, 'J')}"),
            ("latency", amount(self.latency, "s")),
            ("energy x delay", amount(self.edp, "J s")),
        ]
        missing = [("INCOMPLETE, without", ", ".join(self.missing))] if self.missing else []
        largest = sorted(self.by_cause.items(), key=lambda cause: -cause[1])[:4]
        causes = [(f"  {cause}", f"{amount(j, 'J')}, {100 * j / self.total:.1f} %") for cause, j in largest if j]
        return title, [*missing, *rows, *causes]
