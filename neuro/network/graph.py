"""`Network`, `Population` and `Projection`: the description of what is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.display import Displayed, Rows, amount, plural
from neuro.errors import NetworkError, ParameterError, UnknownName, WeightError
from neuro.names import Named
from neuro.network.conversion import node_attributes
from neuro.network.delays import check_delays, delay_given
from neuro.network.distance import OfDistance, positions_of
from neuro.network.distributions import AbstractDistribution
from neuro.network.drives import PoissonInput, TimedRate
from neuro.network.listing import draws_of, edges_of, has_one_delay
from neuro.network.loihi import LoihiLIF
from neuro.network.neurons import IF, LIF, LinearNeuron, Model, Source, SpikeSource, receptors
from neuro.network.rules import Delay, DistanceDependent
from neuro.network.synapses import (
    AllToAll,
    Dense,
    OneToOne,
    Sparse,
    Synapses,
    is_drawn,
    is_random,
)
from neuro.validation import Floats, finite, indices, instance, mapping, number, shown, text, whole_number

__all__ = ["MAX_NEURONS", "Network", "Population", "Projection"]

MAX_NEURONS = 2**32 - 2
"""Most neurons of a network: their numbers have 32 bits."""


@dataclass(frozen=True, eq=False, repr=False)
class Population(Displayed):
    """Neurons of one model, under one name.

    >>> Population("memory", 60, LIF(tau_m=20e-3, v_th=1.0)).size
    60
    """

    name: str
    """What the population is called, in results and in errors."""
    size: int
    """Number of neurons."""
    model: Model
    """How each of them behaves."""
    initial: Mapping[str, ArrayLike] | None = None
    """Values at time zero: ``{"v": number or array}``; ``"i"``, too, the current of the only receptor that has one."""
    positions: ArrayLike | None = None
    """Where the neurons are, m, shape (size, 1..3); a flat array is one dimension. For rules of distance."""

    def __post_init__(self) -> None:
        text(self.name, "Population.name")
        where = f"population {self.name!r}"
        object.__setattr__(self, "size", whole_number(self.size, f"{where}, size", most=MAX_NEURONS))
        if not isinstance(self.model, LIF | IF | LinearNeuron | LoihiLIF | Source):
            raise ParameterError(
                "the model must be one of LIF, AHP, ALIF, IF, LinearNeuron, LoihiLIF, LoihiAHP, SpikeSource, "
                "PoissonSource",
                where=where,
                value=shown(self.model),
            )
        for key, value in mapping(self.initial, f"{where}, initial", "initial values by 'v' and 'i'").items():
            if key not in ("v", "i"):
                raise UnknownName(f"initial value of {where}", key, ["v", "i"])
            if key == "i" and isinstance(self.model, LinearNeuron):
                raise ParameterError("the internal states of a LinearNeuron begin at zero", where=where, value=key)
            if key == "i" and sum(tau is not None for tau in receptors(self.model)) != 1:
                raise ParameterError("an initial current needs one receptor with a time constant", where=where)
            array = finite(value, f"{where}, initial {key}")
            if isinstance(self.model, LoihiLIF) and np.any(array != np.rint(array)):
                raise ParameterError("must be whole numbers", where=f"{where}, initial {key}", value=shown(value))
            self._fits(value, f"initial {key}")
        if self.initial and isinstance(self.model, Source):
            raise ParameterError("a source of spikes has no initial values", where=where, value=shown(self.initial))
        if self.positions is not None:
            places = positions_of(self.positions, int(self.size), f"{where}, positions")
            object.__setattr__(self, "positions", places)
        if isinstance(self.model, SpikeSource):
            if self.model.ids is not None:
                indices(self.model.ids, int(self.size), f"{where}, SpikeSource.ids")
            return
        for key in getattr(self.model, "__dataclass_fields__", {}):
            if key in getattr(self.model, "of_all", ()):
                continue
            value = getattr(self.model, key)
            for part in value if isinstance(value, tuple) else (value,):
                if part is not None and not isinstance(part, str):
                    self._fits(part, key)

    def _fits(self, value: ArrayLike, key: str) -> None:
        if np.shape(value) not in ((), (self.size,)):
            raise ParameterError(
                f"`{key}` must be one number or {self.size} of them",
                where=f"population {self.name!r}",
                value=f"shape {np.shape(value)}",
            )

    def parameter(self, key: str, default: float = 0.0) -> Floats:
        """Field `key` of the model with one entry per neuron; `default`, one number, where the model has none."""
        value: Any = getattr(self.model, text(key, "parameter, key"), None)
        if value is None:
            value = default if isinstance(default, float) else number(default, "parameter, default", infinite=True)
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (self.size,))

    def _display(self) -> tuple[str, Rows]:
        return f"Population {self.name!r}: {self.size:,} {type(self.model).__name__}", ()


@dataclass(frozen=True, eq=False, repr=False)
class Projection(Displayed):
    """Synapses from one population onto one receptor of another."""

    name: str
    """What the projection is called in results."""
    pre: Population
    """Where the spikes come from."""
    post: Population
    """Where they go."""
    synapses: Synapses
    """Which neuron onto which, and how strongly."""
    delay: float | Floats | AbstractDistribution | OfDistance
    """From a spike to its effect, s: one for all, one per synapse (of a matrix: shape (pre, post)), or what each is
    drawn from."""
    receptor: int = 0
    """Index of the target's receptor."""

    def __post_init__(self) -> None:
        text(self.name, "Projection.name")
        for key in ("pre", "post"):
            instance(getattr(self, key), f"projection {self.name!r}, {key}", Population, "a Population")
        where = f"projection {self.name!r}"
        if not isinstance(self.synapses, Synapses):
            raise NetworkError(
                "synapses must be of one of the kinds of synapses", where=where, value=shown(self.synapses)
            )
        whole_number(self.receptor, f"{where}, receptor", most=max(0, len(receptors(self.post.model)) - 1))
        # Arrays that `connect` has checked are read-only.
        if not isinstance(self.delay, np.ndarray) or self.delay.flags.writeable:
            lag = check_delays(self.delay, self.synapses, (self.pre.size, self.post.size), where)
            object.__setattr__(self, "delay", lag)

    def _display(self) -> tuple[str, Rows]:
        return f"Projection {self.name!r}: {self._kind()}", [
            ("from", f"{self.pre.name!r}, {plural(int(self.pre.size), 'neuron')}"),
            ("onto", f"{self.post.name!r}, {plural(int(self.post.size), 'neuron')}, receptor {self.receptor}"),
        ]

    def _kind(self) -> str:
        delay = "a delay for each synapse"
        if is_drawn(self.delay):
            delay = f"delays by {getattr(self.delay, '__name__', type(self.delay).__name__)}"
        elif has_one_delay(self):
            delay = f"delay {amount(float(self.delay), 's')}"  # type: ignore[arg-type]
        return f"{type(self.synapses).__name__}, {delay}"


@dataclass(eq=False, repr=False)
class Network(Displayed):
    """Populations and projections; what is simulated, without saying how or on what.

    >>> from neuro.network.neurons import SpikeSource
    >>> net = Network(seed=7)
    >>> cue = net.add(Population("cue", 3, SpikeSource()))
    >>> cell = net.add(Population("cell", 3, LIF(tau_m=20e-3, v_th=1.0)))
    >>> net.connect(cue, cell, OneToOne(weight=1.5), delay=1e-3).name
    'cue->cell'
    """

    seed: int = 0
    """Root of every random draw of the network's structure."""
    populations: dict[str, Population] = field(default_factory=lambda: Named("population of this network"))
    """By name, in the order in which they were added."""
    projections: dict[str, Projection] = field(default_factory=lambda: Named("projection of this network"))
    """By name, in the order in which they were connected."""
    drives: dict[str, list[PoissonInput]] = field(default_factory=dict)
    """External drives by population, in the order in which they were laid on it."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Where the network is from, if it was read: ``source`` (the file), and the ``assumptions`` that were made."""

    def __post_init__(self) -> None:
        whole_number(self.seed, "Network.seed")
        for key, kind in (("populations", Population), ("projections", Projection)):
            where, what = f"Network.{key}", f"a dictionary of {kind.__name__}s by their names"
            for name, part in instance(getattr(self, key), where, dict, what, error=NetworkError).items():
                if not isinstance(part, kind) or part.name != name:
                    raise NetworkError(f"must be {what}", where=where, value=f"{shown(name)}: {shown(part)}")

    def add(self, population: Population) -> Population:
        """Add a population and return it.

        Raises
        ------
        NetworkError
            If the name is taken.
        """
        if not isinstance(population, Population):
            raise NetworkError("`add` takes a Population", value=shown(population))
        if population.name in self.populations:
            raise NetworkError("a population of this name is in the network already", value=repr(population.name))
        self.populations[population.name] = population
        return population

    def connect(
        self,
        pre: Population | str,
        post: Population | str,
        synapses: Synapses,
        *,
        delay: Delay | None = None,
        receptor: int = 0,
        name: str | None = None,
    ) -> Projection:
        """Connect two populations of this network.

        Parameters
        ----------
        pre, post
            Populations, or their names.
        synapses
            `Sparse`, `Dense`, `OneToOne`, `AllToAll`, `FixedProbability`, `FixedIndegree`, `FixedOutdegree`,
            `FixedTotalNumber`, `DistanceDependent`, `Convolution2d` or a `Crossbar`; weights are shaped (pre, post).
            All that is random is drawn from the network's seed and the projection's name.
        delay
            Seconds from a spike to its effect, not below zero: one number; or one per synapse of `Sparse` and
            `OneToOne`; or, for a matrix (`Dense`, `AllToAll`, `Crossbar`), shape (pre, post); or a distribution
            (`Normal`, `LogNormal`, `Uniform`) or function of distance (`Linear`) for each synapse. By default the
            `delay` of the synapses, where they have one.
        receptor
            Which of the target's synaptic currents the input goes to.
        name
            Of the projection; ``"pre->post"`` where not given.

        Raises
        ------
        NetworkError
            If a population is not of this network, or a projection has this name.
        ParameterError
            If a delay or the receptor cannot be.
        WeightError
            If a matrix of weights has not one row per source and one column per target.
        """
        source, target = self._own(pre), self._own(post)
        label = self._free_name(f"{source.name}->{target.name}") if name is None else text(name, "connect, name")
        if label in self.projections:
            raise NetworkError("a projection of this name is in the network already", value=repr(label))
        where = f"projection {label!r}"
        available = receptors(target.model)
        if not available:
            raise NetworkError("a source of spikes takes no synapses", where=where, value=repr(target.name))
        if whole_number(receptor, f"{where}, receptor") >= len(available):
            raise ParameterError(f"receptor must lie in 0..{len(available) - 1}", where=where, value=receptor)
        if not isinstance(synapses, Synapses):
            raise NetworkError(
                "synapses must be Sparse, Dense, OneToOne, AllToAll, FixedProbability, FixedIndegree, FixedOutdegree, "
                "FixedTotalNumber, DistanceDependent, Convolution2d or Crossbar",
                where=where,
                value=shown(synapses),
            )
        if isinstance(synapses, Dense):
            found: tuple[int, ...] | None = np.shape(synapses.weight)
        elif isinstance(synapses, Sparse | OneToOne | AllToAll) or is_random(synapses):
            found = None
        else:
            found = synapses.shape  # type: ignore[union-attr]
        if found is not None and found != (source.size, target.size):
            raise WeightError(
                f"weights must have shape (pre, post) = {(source.size, target.size)}",
                where=where,
                value=found,
            )
        lag = check_delays(delay_given(delay, synapses, where), synapses, (source.size, target.size), where)
        projection = Projection(label, source, target, synapses, lag, receptor)
        if isinstance(synapses, DistanceDependent) or callable(getattr(synapses, "weight", None)) or callable(lag):
            draws_of(projection, self.seed).places()
        self.projections[label] = projection
        return projection

    def to_networkx(self) -> Any:
        """The network as a `networkx.MultiDiGraph`, one node for each neuron and one edge for each synapse.

        A node is (population, index), with attributes `model` (its class), the neuron's own parameters by name, and
        `position`, if it has one. An edge has `weight`, `delay` (s), `receptor` and `projection`. Weights of zero in a
        matrix are left out. `Sparse.from_networkx` goes back. A synapse takes about a kilobyte.

        Raises
        ------
        WeightError, UnsupportedFeature
            If a projection cannot be built.

        Examples
        --------
        >>> net = Network()
        >>> cell = net.add(Population("cell", 2, LIF(tau_m=20e-3, v_th=[1.0, 2.0])))
        >>> link = net.connect(cell, cell, Sparse([0], [1], 0.5), delay=1e-3)
        >>> graph = net.to_networkx()
        >>> graph.nodes["cell", 1]["v_th"], [*graph.edges(data="weight")]
        (2.0, [(('cell', 0), ('cell', 1), 0.5)])
        """
        import networkx

        graph = networkx.MultiDiGraph()
        for name, population in self.populations.items():
            nodes = node_attributes(population.model, int(population.size), population.positions)
            graph.add_nodes_from(((name, i), about) for i, about in enumerate(nodes))
        for name, projection in self.projections.items():
            pre, post, weight, delay = edges_of(projection, self.seed)
            about = {"receptor": projection.receptor, "projection": name}
            graph.add_edges_from(
                ((projection.pre.name, i), (projection.post.name, j), {"weight": w, "delay": d, **about})
                for i, j, w, d in zip(pre, post, weight, delay, strict=True)
            )
        return graph

    def drive(self, population: Population | str, drive: PoissonInput) -> PoissonInput:
        """Lay an external drive on a population of this network, beside those that it has, and return it.

        Parameters
        ----------
        population
            A population with receptors, or its name.
        drive
            Rates, weights, receptor and delay of the arrivals.

        Raises
        ------
        NetworkError
            If the population is not of this network, or takes no input.
        ParameterError
            If there is no such receptor, or rates or weights do not fit the population's size.

        >>> net = Network()
        >>> cell = net.add(Population("cell", 3, LIF(tau_m=20e-3, v_th=1.0)))
        >>> net.drive(cell, PoissonInput(rate=[500.0, 600.0, 0.0], weight=0.1)).receptor
        0
        """
        target = self._own(population)
        where = f"drive of {target.name!r}"
        if not isinstance(drive, PoissonInput):
            raise NetworkError("`drive` takes a PoissonInput", where=where, value=type(drive).__name__)
        available = receptors(target.model)
        if not available:
            raise NetworkError("a source of spikes takes no input", where=where)
        if drive.receptor not in range(len(available)):
            raise ParameterError(f"receptor must lie in 0..{len(available) - 1}", where=where, value=drive.receptor)
        rates = drive.rate.rates[0] if isinstance(drive.rate, TimedRate) else drive.rate
        for key, values in (("rate", rates), ("weight", drive.weight)):
            if values.shape not in ((), (target.size,)):
                raise ParameterError(
                    f"`{key}` must be one number or {target.size} of them", where=where, value=f"shape {values.shape}"
                )
        if isinstance(target.model, LoihiLIF) and np.any(drive.weight != np.rint(drive.weight)):
            raise ParameterError("weights of whole-number neurons must be whole numbers", where=where)
        self.drives.setdefault(target.name, []).append(drive)
        return drive

    def _display(self) -> tuple[str, Rows]:
        neurons = sum(int(population.size) for population in self.populations.values())
        counts = (len(self.populations), "population"), (neurons, "neuron"), (len(self.projections), "projection")
        rows: list[tuple[str, object]] = [
            (name, f"{p.size:,} {type(p.model).__name__}") for name, p in self.populations.items()
        ]
        return f"Network: {', '.join(plural(*count) for count in counts)}", [
            *rows,
            *((name, projection._kind()) for name, projection in self.projections.items()),
            *((f"onto {name}", each._display()[0]) for name, drives in self.drives.items() for each in drives),
        ]

    def _own(self, population: Population | str) -> Population:
        instance(population, "connect, pre and post", (Population, str), "a Population or its name", error=NetworkError)
        name = population if isinstance(population, str) else population.name
        if name not in self.populations:
            raise UnknownName("population of this network", name, self.populations)
        if not isinstance(population, str) and self.populations[name] is not population:
            raise NetworkError("this population belongs to another network", value=repr(name))
        return self.populations[name]

    def _free_name(self, base: str) -> str:
        name, serial = base, 2
        while name in self.projections:
            name, serial = f"{base}#{serial}", serial + 1
        return name
