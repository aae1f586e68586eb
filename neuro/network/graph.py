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
from neuro.network.convolution import Convolution2d
from neuro.network.loihi import LoihiLIF
from neuro.network.neurons import IF, LIF, Model, Source, receptors
from neuro.network.synapses import (
    AllToAll,
    Dense,
    FixedIndegree,
    FixedProbability,
    MatrixSynapses,
    OneToOne,
    Sparse,
    Synapses,
    is_matrix,
)
from neuro.validation import (
    LONG,
    Floats,
    finite,
    frozen,
    instance,
    mapping,
    seconds,
    shown,
    text,
    whole_number,
)

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

    def __post_init__(self) -> None:
        text(self.name, "Population.name")
        where = f"population {self.name!r}"
        object.__setattr__(self, "size", whole_number(self.size, f"{where}, size", most=MAX_NEURONS))
        if not isinstance(self.model, LIF | IF | LoihiLIF | Source):
            raise ParameterError(
                "the model must be one of LIF, AHP, ALIF, IF, LoihiLIF, LoihiAHP, SpikeSource, PoissonSource",
                where=where,
                value=shown(self.model),
            )
        for key, value in mapping(self.initial, f"{where}, initial", "initial values by 'v' and 'i'").items():
            if key not in ("v", "i"):
                raise UnknownName(f"initial value of {where}", key, ["v", "i"])
            if key == "i" and sum(tau is not None for tau in receptors(self.model)) != 1:
                raise ParameterError("an initial current needs one receptor with a time constant", where=where)
            array = finite(value, f"{where}, initial {key}")
            if isinstance(self.model, LoihiLIF) and np.any(array != np.rint(array)):
                raise ParameterError("must be whole numbers", where=f"{where}, initial {key}", value=shown(value))
            self._fits(value, f"initial {key}")
        if self.initial and isinstance(self.model, Source):
            raise ParameterError("a source of spikes has no initial values", where=where, value=shown(self.initial))
        for key in getattr(self.model, "__dataclass_fields__", {}):
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
        """Field `key` of the model with one entry per neuron; `default` where the model has none."""
        value: Any = getattr(self.model, key, None)
        return np.broadcast_to(np.asarray(default if value is None else value, dtype=np.float64), (self.size,))

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
    delay: float | Floats
    """From a spike to its effect, s: one for all, or one per synapse (of a matrix: shape (pre, post))."""
    receptor: int = 0
    """Index of the target's receptor."""

    def __post_init__(self) -> None:
        text(self.name, "Projection.name")
        for key in ("pre", "post"):
            instance(getattr(self, key), f"projection {self.name!r}, {key}", Population, "a Population")

    def _display(self) -> tuple[str, Rows]:
        return f"Projection {self.name!r}: {self._kind()}", [
            ("from", f"{self.pre.name!r}, {plural(int(self.pre.size), 'neuron')}"),
            ("onto", f"{self.post.name!r}, {plural(int(self.post.size), 'neuron')}, receptor {self.receptor}"),
        ]

    def _kind(self) -> str:
        delay = f"delay {amount(float(self.delay), 's')}" if np.ndim(self.delay) == 0 else "a delay for each synapse"
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
        delay: ArrayLike,
        receptor: int = 0,
        name: str | None = None,
    ) -> Projection:
        """Connect two populations of this network.

        Parameters
        ----------
        pre, post
            Populations, or their names.
        synapses
            `Sparse`, `Dense`, `OneToOne`, `AllToAll`, `FixedProbability`, `FixedIndegree`, `Convolution2d` or a
            `Crossbar`; weights are shaped (pre, post).
        delay
            Seconds from a spike to its effect, not below zero: one number; or one per synapse of `Sparse` and
            `OneToOne`; or, for a matrix (`Dense`, `AllToAll`, `Crossbar`), shape (pre, post).
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
        if not isinstance(
            synapses,
            Sparse | Dense | OneToOne | AllToAll | FixedProbability | FixedIndegree | Convolution2d | MatrixSynapses,
        ):
            raise NetworkError(
                "synapses must be Sparse, Dense, OneToOne, AllToAll, FixedProbability, FixedIndegree, Convolution2d "
                "or Crossbar",
                where=where,
                value=shown(synapses),
            )
        if isinstance(synapses, Dense):
            found: tuple[int, ...] | None = np.shape(synapses.weight)
        elif isinstance(synapses, Sparse | OneToOne | AllToAll | FixedProbability | FixedIndegree):
            found = None
        else:
            found = synapses.shape
        if found is not None and found != (source.size, target.size):
            raise WeightError(
                f"weights must have shape (pre, post) = {(source.size, target.size)}",
                where=where,
                value=found,
            )
        lag = check_delays(delay, synapses, (source.size, target.size), where)
        projection = Projection(label, source, target, synapses, lag, receptor)
        self.projections[label] = projection
        return projection

    def _display(self) -> tuple[str, Rows]:
        neurons = sum(int(population.size) for population in self.populations.values())
        counts = (len(self.populations), "population"), (neurons, "neuron"), (len(self.projections), "projection")
        rows: list[tuple[str, object]] = [
            (name, f"{p.size:,} {type(p.model).__name__}") for name, p in self.populations.items()
        ]
        return f"Network: {', '.join(plural(*count) for count in counts)}", [
            *rows,
            *((name, projection._kind()) for name, projection in self.projections.items()),
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


def check_delays(delay: ArrayLike, synapses: Synapses, shape: tuple[int, int], where: str) -> float | Floats:
    """Refuse bad delays of a projection; returns one delay, or one for each synapse that the description lists, s.

    Delays must be finite and not below zero; plain numbers above 1 s are read with a `UnitWarning`. `shape` is (pre,
    post), in neurons.
    """
    lags = seconds(delay, f"{where}, delay", zero=True, long=LONG)
    if lags.ndim == 0:
        return float(lags)
    if isinstance(synapses, Sparse):
        wanted, each = np.shape(synapses.pre), "one for each synapse"
    elif isinstance(synapses, OneToOne):
        wanted, each = shape[:1], "one for each neuron"
    elif is_matrix(synapses):
        wanted, each = shape, "one for each pair, shape (pre, post)"
    else:
        raise ParameterError(
            "synapses that are drawn at random, or share a kernel, have one delay",
            where=f"{where}, delay",
            value=f"shape {lags.shape}",
            remedy="Give one number, or list the synapses with Sparse",
        )
    if lags.shape != wanted:
        raise ParameterError(
            f"must be one number, or {each}: {wanted}", where=f"{where}, delay", value=f"shape {lags.shape}"
        )
    return frozen(lags.copy())
