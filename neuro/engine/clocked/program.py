"""The compiled form of a network for the clocked engine, and its builder: parameters and wiring in time steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.display import Displayed, Rows, amount, plural
from neuro.engine.clocked.arrays import EULER, GROUP, LINK, NEVER, WHOLE, Cells, Records, Wiring
from neuro.engine.lower.currents import self_currents, synaptic_taus
from neuro.engine.lower.program import Program, check_size
from neuro.errors import NetworkError, ParameterError, UnknownName, UnsupportedFeature, WeightError
from neuro.names import Named
from neuro.network.graph import Network, Population, Projection
from neuro.network.listing import delays_of, has_one_delay, matrix_of, triplets_of
from neuro.network.loihi import LoihiAHP, LoihiLIF
from neuro.network.neurons import ALIF, LIF, Source, receptors
from neuro.network.synapses import is_drawn, is_matrix, is_random
from neuro.validation import Floats, Ints, instance, number, seconds, text

__all__ = ["ClockedProgram", "Semantics", "build_clocked", "steps_in"]

Semantics = Literal["nir-euler", "loihi"]

MAX_STEPS = 2.0**52
"""Steps are whole numbers that a double has exactly."""
SPARSE = 0.1
"""Lists of synapses that fill more of their matrix than this are stored as whole rows."""


@dataclass(frozen=True, eq=False, repr=False)
class ClockedProgram(Displayed):
    """A network in time steps. The neurons of all populations, one after the other, have one common numbering."""

    network: Network
    """The network that it was built from."""
    dt: float
    """Time step, s."""
    semantics: Semantics
    """The equations of a step; see `run`."""
    offset: Mapping[str, int]
    """First neuron of each population."""
    cells: Cells
    """Parameters, as the kernels read them."""
    groups: Records
    """The populations."""
    wiring: Wiring
    """The projections."""
    drive: Floats
    """Constant part of each neuron's drive: v_rest + bias."""

    @property
    def size(self) -> int:
        """Number of neurons, sources included."""
        return len(self.drive)

    @property
    def depth(self) -> int:
        """Number of steps for which a spike is remembered."""
        return int(self.wiring.links["lag"].max(initial=0)) + 1

    def slice(self, population: str) -> slice:
        """The neurons of a population in the common numbering."""
        first = self.offset[population]
        return slice(first, first + self.network.populations[population].size)

    def _display(self) -> tuple[str, Rows]:
        title = f"Program of the clocked engine: {plural(self.size, 'neuron')}, steps of {amount(self.dt, 's')}"
        return title, [("semantics", self.semantics), *self.network._display()[1]]


def build_clocked(network: Network | Program, dt: float | None, semantics: str | None = None) -> ClockedProgram:
    """Lower a network for the clocked engine; `run` and `run_batch` take the result.

    Parameters
    ----------
    network
        A `Network`, or a `Program`, whose matrices of weights are used.
    dt
        Time step, s; delays and refractory times are whole multiples of it.
    semantics
        See `run`; by default what the models of the network call for.

    Raises
    ------
    ParameterError
        If there is no time step, or a delay or refractory time is no multiple of it.
    UnsupportedFeature
        If a population is not of these semantics.
    WeightError
        If a weight is not a whole number where it has to be.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 4, nr.LoihiLIF(d_v=204, v_th=127)))
    >>> nr.build_clocked(net, dt=1e-3).semantics
    'loihi'
    """
    if dt is None:
        raise ParameterError("the clocked engine needs a time step", where="dt", remedy="Give dt=..., in seconds")
    step = number(dt, "dt", check=seconds)
    instance(network, "build_clocked", (Network, Program), "a Network or a Program", error=NetworkError)
    program = network if isinstance(network, Program) else None
    net = network.network if isinstance(network, Program) else network
    check_size(net)
    chosen = _semantics(net, semantics)
    offset, total = Named[int]("population of this network"), 0
    for name, population in net.populations.items():
        offset[name] = total
        total += population.size
    lower = _whole_cells if chosen == "loihi" else _euler_cells
    groups, cells = _groups(net, offset), lower(net, offset, total, step)
    drive = np.zeros(total)
    for name, population in net.populations.items():
        rest = population.parameter("v_rest") + population.parameter("bias")
        drive[offset[name] : offset[name] + population.size] = rest
    if program is not None and not np.array_equal(program.drive, drive * program.of("gain", slice(None))):
        raise UnsupportedFeature(
            "the clocked engine takes a program with other weights, but not with another bias",
            where="Program.with_bias",
            remedy="Give the difference as a Current",
        )
    wiring = _lower_wiring(net, program, offset, step, chosen == "loihi")
    return ClockedProgram(net, step, chosen, offset, cells, groups, wiring, drive)


def steps_in(span: float, dt: float, where: str) -> int:
    """The number of steps in a span of time, which must be a whole number.

    >>> steps_in(0.3, 0.1, "duration")
    3
    """
    if span / dt > MAX_STEPS:
        raise ParameterError(f"must be at most {MAX_STEPS:.3g} steps", where=where, value=f"{span / dt:.6g} steps")
    count = round(span / dt)
    if abs(span / dt - count) > 1e-6 * max(1.0, count * 1e-6):
        raise ParameterError(f"must be a whole number of steps of {dt} s", where=where, value=f"{span / dt} steps")
    return count


def _semantics(network: Network, wanted: str | None) -> Semantics:
    models = {name: population.model for name, population in network.populations.items()}
    whole = [name for name, model in models.items() if isinstance(model, LoihiLIF)]
    real = [name for name, model in models.items() if not isinstance(model, LoihiLIF | Source)]
    if wanted is not None and text(wanted, "semantics") not in ("nir-euler", "loihi"):
        raise UnknownName("semantics of the clocked engine", wanted, ["nir-euler", "loihi"])
    chosen: Semantics = "loihi" if wanted == "loihi" or (wanted is None and whole) else "nir-euler"
    wrong = real if chosen == "loihi" else whole
    if wrong:
        raise UnsupportedFeature(
            f"semantics {chosen!r} has no {type(models[wrong[0]]).__name__}",
            where=f"population {wrong[0]!r}",
            remedy="'loihi' is for LoihiLIF and LoihiAHP, 'nir-euler' for all others",
        )
    return chosen


def _groups(network: Network, offset: Mapping[str, int]) -> Records:
    groups = np.zeros(len(network.populations), GROUP)
    for group, population in zip(groups, network.populations.values(), strict=True):
        group["start"] = offset[population.name]
        group["stop"] = group["start"] + population.size
        group["source"] = isinstance(population.model, Source)
        synaptic, own = synaptic_taus(population), self_currents(population)
        group["modes"] = len(synaptic) + len(own)
        group["currents"] = len(synaptic) + (0 if isinstance(population.model, ALIF) else len(own))
    return groups


def _share(dt: float, tau: Floats, population: str) -> Floats:
    """dt / tau. With a step longer than the time constant, forward Euler would oscillate."""
    share = dt / np.asarray(tau, np.float64)
    if share.size and share.max() > 1.0 + 1e-9:
        raise ParameterError(
            f"must not be longer than the shortest time constant, {dt / share.max()} s",
            where=f"population {population!r}, dt",
            value=dt,
        )
    return share


def _euler_cells(network: Network, offset: Mapping[str, int], total: int, dt: float) -> Cells:
    populations = list(network.populations.values())
    depth = max((len(synaptic_taus(p)) + len(self_currents(p)) for p in populations), default=0)
    cells = Cells(np.zeros(total, EULER), np.ones((depth, total)), np.zeros((depth, total)))
    for p in populations:
        here = slice(offset[p.name], offset[p.name] + p.size)
        synaptic = synaptic_taus(p)
        for k, tau in enumerate(synaptic):
            cells.keep[k, here] = 1.0 - _share(dt, tau, p.name)
        for k, (tau, jump) in enumerate(self_currents(p), start=len(synaptic)):
            cells.keep[k, here], cells.jump[k, here] = 1.0 - _share(dt, tau, p.name), jump
        part, leaky = cells.cell[here], isinstance(p.model, LIF)
        part["gain"] = _share(dt, p.parameter("tau_m"), p.name) if leaky else dt
        part["leaky"] = leaky
        part["threshold"] = p.parameter("v_th", np.inf)
        part["reset"] = p.parameter("v_reset")
        part["subtract"] = getattr(p.model, "reset", "") == "subtract"
        part["floor"] = p.parameter("v_min", -np.inf)
        part["ceiling"] = p.parameter("v_max", np.inf)
        where = f"population {p.name!r}, refractory"
        part["pause"] = [steps_in(float(span), dt, where) for span in p.parameter("refractory")]
    return cells


def _whole_cells(network: Network, offset: Mapping[str, int], total: int, dt: float) -> Cells:
    cells = np.zeros(total, WHOLE)
    cells["keep_a"], cells["threshold"] = 4096, NEVER
    for p in network.populations.values():
        if not isinstance(p.model, LoihiLIF):
            continue

        def number(key: str, of: Population = p) -> Ints:
            return of.parameter(key).astype(np.int64)

        part = cells[offset[p.name] : offset[p.name] + p.size]
        part["keep_v"] = 4096 - number("d_v")
        part["keep_u"] = 4096 - number("d_u")
        part["scale"] = 1 << (6 + number("e"))
        part["bias"] = number("bias") << number("e_bias")
        part["pause"] = number("refractory") - 1
        part["bounded"] = p.model.bounded
        if p.model.v_th is not None:
            part["threshold"] = number("v_th") << 6
        if isinstance(p.model, LoihiAHP):
            part["keep_a"] = 4096 - number("d_a")
            part["jump"] = number("w_a") << (6 + number("e_a"))
    return Cells(cells, np.ones((0, total)), np.zeros((0, total)))


class _Rows(NamedTuple):
    """Synapses with one delay: source i has row[i] .. row[i + 1]; `post` is None where every row has all targets."""

    lag: int
    """Steps from a spike to its effect."""
    row: Ints
    weight: NDArray[np.floating]
    post: Ints | None


def _rows(projection: Projection, program: Program | None, dt: float, seed: int) -> list[_Rows]:
    """The synapses of one projection, by delay."""
    shape, where = (projection.pre.size, projection.post.size), f"projection {projection.name!r}"
    least = int(isinstance(projection.pre.model, Source))
    if is_matrix(projection.synapses):
        lag = check_delay_steps(delays_of(projection, seed), dt, f"{where}, delay", least)
        weight = _weights(projection, program, seed)
        if lag.ndim == 0:
            return [_Rows(int(lag), np.arange(shape[0] + 1) * shape[1], weight, None)]
        pre, post = (ids.ravel() for ids in np.indices(shape))
    else:
        pre, post, weight = listed = triplets_of(projection, seed)
        lag = check_delay_steps(delays_of(projection, seed, listed), dt, f"{where}, delay", least)
        pre, post, weight = pre.astype(np.int64), post.astype(np.int64), np.broadcast_to(weight, post.shape)
    lags = np.broadcast_to(lag.ravel(), pre.shape)
    parts = ((int(steps), lags == steps) for steps in np.unique(lags))
    return [_listed(steps, pre[here], post[here], weight[here], shape) for steps, here in parts]


def check_delay_steps(delay: float | Floats, dt: float, where: str, least: int) -> Ints:
    """Delays in steps: refuse a delay that is no whole number of steps, or shorter than `least` steps."""
    different, inverse = np.unique(delay, return_inverse=True)
    lags = np.array([steps_in(float(each), dt, where) for each in different], np.int64)
    if lags.size and lags[0] < least:
        raise ParameterError("a delay from a source must be at least one step", where=where, value=float(different[0]))
    return lags[inverse].reshape(np.shape(delay))


def _weights(projection: Projection, program: Program | None, seed: int) -> NDArray[np.floating]:
    """The weights of a matrix, row by row; those of the program, if it has them."""
    if program is None or projection.name not in program.weights_at:
        return matrix_of(projection, seed).ravel()
    first, last = program.weights_at[projection.name]
    weight, order = program.fixed.weight[first:last], program.weight_order.get(projection.name)
    if order is None:
        return weight
    back = np.empty_like(weight)
    back[order] = weight
    return back


def _listed(lag: int, pre: Ints, post: Ints, weight: NDArray[np.floating], shape: tuple[int, int]) -> _Rows:
    n_pre, n_post = shape
    order = np.lexsort((post, pre))
    pre, post, weight = pre[order], post[order], weight[order]
    row = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=n_pre))]).astype(np.int64)
    at = pre * n_post + post
    if len(at) > SPARSE * n_pre * n_post and np.all(at[1:] > at[:-1]):
        # Adding a whole row, zeros included, takes less time than looking up the place of each weight.
        filled = np.zeros(n_pre * n_post, weight.dtype)
        filled[at] = weight
        return _Rows(lag, row, filled, None)
    return _Rows(lag, row, weight, post)


def _shared(projection: Projection, program: Program | None) -> tuple[Any, ...] | None:
    """What projections with the same rows and weights have in common; None where those of this one are its own.

    Copies of a part of a network have the same synapses, the very object. If these are not drawn, they are stored once.
    """
    synapses: Any = projection.synapses
    drawn = is_random(synapses) or is_drawn(getattr(synapses, "weight", None)) or is_drawn(projection.delay)
    if drawn or not has_one_delay(projection) or (program is not None and projection.name in program.weights_at):
        return None
    return id(synapses), projection.pre.size, projection.post.size


def _lower_wiring(
    network: Network, program: Program | None, offset: Mapping[str, int], dt: float, whole: bool
) -> Wiring:
    names = list(network.populations)
    stored: dict[tuple[Any, ...] | None, tuple[list[_Rows], list[tuple[int, int]]]] = {}
    links = [np.zeros(0, LINK)]
    rows, posts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    weights: list[NDArray[Any]] = [np.zeros(0, np.int32 if whole else np.float64)]
    n_row = n_synapse = n_weight = 0
    for p, projection in enumerate(network.projections.values()):
        taus = receptors(projection.post.model)
        current = sum(tau is not None for tau in taus[: projection.receptor])
        where, key = f"projection {projection.name!r}", _shared(projection, program)
        parts, places = stored.get(key) or (_rows(projection, program, dt, network.seed), [])
        if key is not None and key in stored:
            least = int(isinstance(projection.pre.model, Source))
            lag = check_delay_steps(projection.delay, dt, f"{where}, delay", least)  # type: ignore[arg-type]
            parts = [part._replace(lag=int(lag)) for part in parts]
        for k, part in enumerate(parts):
            if k == len(places):
                places.append((n_row, n_weight))
                rows.append(part.row)
                weights.append(_whole_weights(part.weight, where) if whole else part.weight.astype(np.float64))
                n_row += len(part.row)
                n_weight += len(part.weight)
            link = np.zeros(1, LINK)
            link["projection"] = p
            link["group"], link["target"] = names.index(projection.pre.name), names.index(projection.post.name)
            link["pre"], link["post"] = offset[projection.pre.name], offset[projection.post.name]
            link["count"] = projection.post.size
            # A source fires when its step begins, a neuron when it ends.
            link["lag"] = part.lag - isinstance(projection.pre.model, Source)
            link["box"] = 0 if taus[projection.receptor] is None else 1 + current
            link["dense"] = part.post is None
            targets = np.zeros(0, np.int64) if part.post is None else part.post
            link["row"], link["list"], link["weight"] = places[k][0], n_synapse, places[k][1]
            links.append(link)
            posts.append(targets + offset[projection.post.name])
            n_synapse += len(targets)
        if key is not None:
            stored.setdefault(key, (parts, places))
    post, joined = np.concatenate(posts).astype(np.uint32), np.concatenate(links)
    order = _order(network, joined)
    at_once = np.zeros(len(names), np.int64)
    for link in joined[joined["lag"] == 0]:
        at_once[link["group"]] = not isinstance(network.populations[names[link["group"]]].model, Source)
    return Wiring(joined, np.concatenate(rows), post, np.concatenate(weights), order, at_once)


def _order(network: Network, links: Records) -> Ints:
    """The order in which populations advance within a step.

    It is that of the network, except that a population whose spikes act at once comes before their targets.
    """
    models = [population.model for population in network.populations.values()]
    names, waits = list(network.projections), [dict[int, str]() for _ in models]
    for link in links[links["lag"] == 0]:
        # A spike of a source lies at the beginning of its step: its lag of zero is a delay of one step.
        if not isinstance(models[link["group"]], Source):
            waits[link["target"]][int(link["group"])] = names[link["projection"]]
    order: dict[int, None] = {}
    while len(order) < len(models):
        first = next((g for g, waiting in enumerate(waits) if g not in order and not waiting), None)
        if first is None:
            name = next(name for g, waiting in enumerate(waits) if g not in order for name in waiting.values())
            raise ParameterError(
                "delays of zero must not form a loop in the clocked engine",
                where=f"projection {name!r}, delay",
                remedy="Give one projection of the loop a delay of one step or more",
            )
        order[first] = None
        for waiting in waits:
            waiting.pop(first, None)
    return np.array([*order], np.int64)


def _whole_weights(weight: NDArray[np.floating], where: str) -> NDArray[np.int32]:
    bad = (weight != np.rint(weight)) | (np.abs(weight) >= 2**31)
    if bad.any():
        raise WeightError("weights must be whole numbers below 2^31", where=where, value=float(weight[bad][0]))
    return weight.astype(np.int32)
