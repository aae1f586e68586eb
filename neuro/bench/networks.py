"""Networks of the engine benchmark as plain arrays, drawn by fixed rules; every simulator gets the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from neuro.engine.recording import Spikes
from neuro.errors import UnknownName
from neuro.network.drives import PoissonInput
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, LIF, SpikeSource
from neuro.network.synapses import Dense, Sparse
from neuro.units import ms
from neuro.validation import Floats, Ints

__all__ = [
    "NETWORKS",
    "Case",
    "CrossbarCase",
    "ListedCase",
    "balanced",
    "build_network",
    "crossbar",
    "draw_case",
    "sparse",
]

TAU_M, TAU_SYN, REFRACTORY, THRESHOLD, DELAY = 20 * ms, 2 * ms, 2 * ms, 20.0, 1.5 * ms
"""Parameters of the neurons and synapses of all networks, s; potentials are in mV."""
GRID = 0.1 * ms
"""Time step of the clocked peers, s; sources fire at multiples of it, so that clocked peers have the same spikes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ListedCase:
    """Leaky neurons with one exponential current each, single synapses, and perhaps sources of spikes."""

    name: str
    """Name of the network."""
    size: int
    """Number of neurons."""
    pre: NDArray[np.int32]
    """Source of each synapse, ascending, shape (synapses,)."""
    post: NDArray[np.int32]
    """Target of each synapse, shape (synapses,)."""
    row_weight: Floats
    """Weight of all synapses of a neuron, mV (a jump of R I), shape (size,)."""
    v0: Floats
    """v at time zero, mV, shape (size,)."""
    drive: float
    """Constant R I, mV."""
    v_reset: float
    """v after a spike, mV."""
    duration: float
    """Length of the run, s."""
    jump: float = 0.0
    """What a spike subtracts from R I, mV; 0: the neurons have no slow current."""
    tau_ahp: float = 200 * ms
    """Time constant of the slow current, s."""
    sources: int = 0
    """Number of sources; each has the same number of synapses."""
    source_pre: Ints
    """Source of each synapse of the sources, ascending."""
    source_post: Ints
    """Its target."""
    source_weight: float = 0.0
    """Its weight, mV."""
    source_times: Floats
    """When sources fire, s, multiples of `GRID`."""
    source_ids: Ints
    """Source that fires, for each of these times."""
    delays: Floats | None = None
    """Delay of each synapse, s; None: `DELAY` for all. Clocked peers round them to `GRID`."""
    jumps: bool = False
    """Do inputs raise v itself, not a current?"""
    poisson_rate: float = 0.0
    """Rate of the Poisson arrivals from outside at each neuron, Hz."""
    poisson_weight: float = 0.0
    """Their weight, mV."""

    def events(self, ids: Ints) -> int:
        """Synapses of spikes of the neurons `ids` and of the sources, delivered or not, and arrivals from outside."""
        fan_out = np.bincount(self.pre, minlength=self.size)
        source_fan_out = np.bincount(self.source_pre, minlength=self.sources)
        fired = self.source_ids[self.source_times < self.duration]
        outside = self.size * self.poisson_rate * self.duration
        return int(fan_out[ids].sum() + source_fan_out[fired].sum() + outside)


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossbarCase:
    """Crossbars side by side, each with its own sources on the rows and its own neurons on the columns."""

    name: str
    """Name of the network."""
    weight: NDArray[np.float32]
    """mV, shape (arrays, rows, columns)."""
    times: Floats
    """When rows are driven, s, ascending."""
    array: Ints
    """In which array."""
    row: Ints
    """Which row."""
    duration: float
    """Length of the run, s."""
    delay: float = 1 * ms
    """From a row's spike to its effect, s."""
    drive: float = 12.0
    """Constant R I, mV."""

    @property
    def synapses(self) -> int:
        """Synapses reached by all rows that are driven."""
        return len(self.row) * int(self.weight.shape[2])


Case = ListedCase | CrossbarCase

_NONE = np.zeros(0, np.int64)


def balanced(size: int = 10_000, indegree: int = 1_000, *, jump: float = 0.0, name: str = "balanced") -> ListedCase:
    """Excitation and inhibition in balance: 10 M synapses, 500 ms, about 21 Hz.

    Each neuron draws `indegree` sources with replacement, 80 % of them excitatory (+0.3 mV) and the rest inhibitory
    (-1.5 mV), generator seed 1; drive 24 mV, reset to 10 mV, v(0) uniform in [0, 20) mV from generator seed 7.
    """
    rng = np.random.default_rng(1)
    excitatory, k = int(0.8 * size), int(0.8 * indegree)
    drawn = np.empty((size, indegree), np.int32)
    for j in range(size):
        drawn[j, :k] = rng.integers(0, excitatory, k)
        drawn[j, k:] = rng.integers(excitatory, size, indegree - k)
    order = np.argsort(drawn.ravel(), kind="stable")
    return ListedCase(
        name=name,
        size=size,
        pre=drawn.ravel()[order],
        post=np.repeat(np.arange(size, dtype=np.int32), indegree)[order],
        row_weight=np.where(np.arange(size) < excitatory, 0.3, -1.5),
        v0=np.random.default_rng(7).uniform(0, 20, size),
        drive=24.0,
        v_reset=10.0,
        duration=0.5,
        jump=jump,
        source_pre=_NONE,
        source_post=_NONE,
        source_times=np.zeros(0),
        source_ids=_NONE,
    )


def balanced_ahp() -> ListedCase:
    """`balanced` with a slow current: each spike subtracts 1 mV from R I, which recovers with 200 ms."""
    return balanced(jump=1.0, name="balanced-ahp")


def balanced_delays() -> ListedCase:
    """`balanced` for 100 ms with a delay for each synapse: normal, 1.5 +- 0.75 ms, at least 0.1 ms, from seed 0."""
    case = balanced(name="balanced-delays")
    drawn = np.clip(np.random.default_rng(0).normal(1.5, 0.75, len(case.pre)), 0.1, None) * ms
    return replace(case, delays=drawn, duration=0.1)


def balanced_delays_grid() -> ListedCase:
    """`balanced-delays` with its delays rounded to whole steps of 0.1 ms, as the clocked peers round them."""
    case = balanced_delays()
    return replace(case, name="balanced-delays-grid", delays=np.round(np.asarray(case.delays) / GRID) * GRID)


def brunel(size: int = 12_500, indegree: int = 1_250) -> ListedCase:
    """Model A of Brunel 2000 at g = 5, eta = 2, 100 ms: asynchronous irregular firing under Poisson input.

    80 % of the neurons are excitatory. Each draws `indegree` sources with replacement (generator seed 5); inputs jump v
    by 0.1 or -0.5 mV, and Poisson arrivals of 0.1 mV come to each neuron at 20 kHz.
    """
    rng = np.random.default_rng(5)
    excitatory, k = int(0.8 * size), int(0.8 * indegree)
    parts = rng.integers(0, excitatory, (size, k)), rng.integers(excitatory, size, (size, indegree - k))
    drawn = np.concatenate(parts, 1).astype(np.int32)
    order = np.argsort(drawn.ravel(), kind="stable")
    return ListedCase(
        name="brunel",
        size=size,
        pre=drawn.ravel()[order],
        post=np.repeat(np.arange(size, dtype=np.int32), indegree)[order],
        row_weight=np.where(np.arange(size) < excitatory, 0.1, -0.5),
        v0=np.zeros(size),
        drive=0.0,
        v_reset=10.0,
        duration=0.1,
        source_pre=_NONE,
        source_post=_NONE,
        source_times=np.zeros(0),
        source_ids=_NONE,
        jumps=True,
        poisson_rate=20e3,
        poisson_weight=0.1,
    )


def sparse(size: int = 100_000) -> ListedCase:
    """Rare spikes in a large network: 10 M synapses, 1 s, about 1.7 Hz.

    Each neuron has 100 random targets (+1 mV), no drive and starts at zero; 1,000 sources fire at 10 Hz on the
    grid, each onto 100 random neurons with 150 mV. Generator seed 3.
    """
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0, 1000.0, 10_000))
    ids = rng.integers(0, 1000, 10_000)
    fired = np.unique(np.c_[ids, np.round(times / 0.1).astype(np.int64)], axis=0)
    source_post = rng.integers(0, size, 100_000)
    return ListedCase(
        name="sparse",
        size=size,
        pre=np.repeat(np.arange(size, dtype=np.int32), 100),
        post=rng.integers(0, size, size * 100).astype(np.int32),
        row_weight=np.ones(size),
        v0=np.zeros(size),
        drive=0.0,
        v_reset=0.0,
        duration=1.0,
        sources=1000,
        source_pre=np.repeat(np.arange(1000), 100),
        source_post=source_post,
        source_weight=150.0,
        source_times=fired[:, 1] * GRID,
        source_ids=fired[:, 0],
    )


def crossbar(arrays: int = 16, rows: int = 1024, columns: int = 1024, instants: int = 500) -> CrossbarCase:
    """Crossbars of 1024 x 1024 whose neurons are driven close to threshold; each ms 1 % of the rows fire at once.

    Weights are normal with a standard deviation of 3 mV, float32, and rows are drawn without replacement;
    generator seed 5. The neurons rest at a drive of 12 mV and fire now and then.
    """
    rng = np.random.default_rng(5)
    weight = rng.standard_normal((arrays, rows, columns), np.float32) * np.float32(3.0)
    active = max(1, rows // 100)
    row = np.concatenate([rng.choice(rows, active, replace=False) for _ in range(instants * arrays)])
    return CrossbarCase(
        name="crossbar",
        weight=weight,
        times=np.repeat(np.arange(instants) * ms, arrays * active),
        array=np.tile(np.repeat(np.arange(arrays), active), instants),
        row=row,
        duration=(instants + 1) * ms,
    )


NETWORKS: Mapping[str, Callable[[], Case]] = {
    "balanced": balanced,
    "balanced-ahp": balanced_ahp,
    "balanced-delays": balanced_delays,
    "balanced-delays-grid": balanced_delays_grid,
    "brunel": brunel,
    "sparse": sparse,
    "crossbar": crossbar,
}
"""Functions that draw the networks, by name."""


def draw_case(name: str) -> Case:
    """Draw the arrays of a network.

    Raises
    ------
    UnknownName
        If there is no such network.
    """
    if name not in NETWORKS:
        raise UnknownName("benchmark network", name, NETWORKS)
    return NETWORKS[name]()


def build_network(case: Case) -> tuple[Network, dict[str, Spikes]]:
    """The `Network` of a case, and its inputs.

    >>> network, inputs = build_network(balanced(10, 5))
    >>> list(network.populations), list(network.projections), inputs
    (['cells'], ['cells->cells'], {})
    """
    return _build_listed(case) if isinstance(case, ListedCase) else _build_crossbars(case)


def _cells(case: Case) -> LIF:
    v_reset = case.v_reset if isinstance(case, ListedCase) else 0.0
    plain = LIF(tau_m=TAU_M, v_th=THRESHOLD, v_reset=v_reset, bias=case.drive, refractory=REFRACTORY, tau_syn=TAU_SYN)
    if isinstance(case, ListedCase) and case.jumps:
        return replace(plain, tau_syn=None)
    if isinstance(case, CrossbarCase) or not case.jump:
        return plain
    return AHP(**{f.name: getattr(plain, f.name) for f in fields(plain)}, tau_ahp=case.tau_ahp, jump=case.jump)


def _build_listed(case: ListedCase) -> tuple[Network, dict[str, Spikes]]:
    network = Network()
    cells = network.add(Population("cells", case.size, _cells(case), initial={"v": case.v0}))
    delay = DELAY if case.delays is None else case.delays
    network.connect(cells, cells, Sparse(case.pre, case.post, case.row_weight[case.pre]), delay=delay)
    if case.poisson_rate:
        network.drive(cells, PoissonInput(case.poisson_rate, case.poisson_weight))
    if not case.sources:
        return network, {}
    sources = network.add(Population("sources", case.sources, SpikeSource()))
    network.connect(sources, cells, Sparse(case.source_pre, case.source_post, case.source_weight), delay=DELAY)
    return network, {"sources": Spikes(case.source_times, case.source_ids)}


def _build_crossbars(case: CrossbarCase) -> tuple[Network, dict[str, Spikes]]:
    network, inputs = Network(), {}
    arrays, rows, columns = case.weight.shape
    for k in range(arrays):
        source = network.add(Population(f"rows {k}", rows, SpikeSource()))
        target = network.add(Population(f"columns {k}", columns, _cells(case)))
        network.connect(source, target, Dense(case.weight[k]), delay=case.delay)
        inputs[source.name] = Spikes(case.times[case.array == k], case.row[case.array == k])
    return network, inputs
