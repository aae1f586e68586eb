"""The rules of a placement: cores in use, pinned neurons, populations together or apart; and early refusals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neuro.chip.cores import NO_LIMIT, Limits
from neuro.chip.model import Chip
from neuro.errors import InfeasibleError, ParameterError, UnknownName
from neuro.mapping.partition.feasible import (
    Most,
    Terms,
    additive,
    axon_limit,
    first_fit_size,
    least_cores,
    of_parts,
    terms_of,
    totals,
    widest_fan_in,
)
from neuro.mapping.partition.tables import Parts
from neuro.mapping.traffic import Traffic
from neuro.network.graph import Network
from neuro.network.loihi import LoihiAHP
from neuro.validation import Floats, Ints, indices, numbers, shown, whole_number

__all__ = ["Rules", "by_core", "no_partition_found", "rules_of"]


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of a placement, in numbers."""

    terms: Terms
    """Vertices, their needs, and the limits of cores."""
    cores: Ints
    """Core that each part stands for, shape (parts,): first those with pinned neurons, which keep theirs.

    If cores differ, those follow that hold more of the network; a part keeps to the limits of its core.
    """
    fixed: Parts
    """Part of each vertex that is pinned, -1 for all others, shape (vertices,)."""
    least: int
    """Cores without which nothing fits."""

    @property
    def parts(self) -> int:
        """Most parts of a partition."""
        return len(self.cores)

    def room(self, parts: int) -> Ints:
        """Most neurons of each of the first parts, shape (parts,)."""
        limits: list[Most] = [most for name, _, most in additive(self.terms) if name in ("neurons", "columns")]
        every = limits or [max(self.terms.traffic.neurons, 1)]
        return np.asarray(np.min([of_parts(most, parts) for most in every], axis=0))

    @property
    def widest(self) -> int:
        """Most neurons on a core."""
        return int(self.room(self.parts).max(initial=1))


def rules_of(
    network: Network, chip: Chip, traffic: Traffic, cores: int | None, pinned: Mapping[str, Any],
    dead: Sequence[int], together: Sequence[Sequence[str]], apart: Sequence[tuple[str, str]],
) -> Rules:  # fmt: skip
    """Check the rules that a user gives, and put them in numbers.

    Raises
    ------
    ParameterError, UnknownName
        If a rule does not fit the chip and the network.
    InfeasibleError
        If nothing can fit.
    """
    working = _working(chip, cores, dead)
    _check_groups(together, "together")
    _check_groups(apart, "apart")
    asked = [*pinned, *(name for group in (*together, *apart) for name in group)]
    for name in asked:
        if name not in network.populations:
            raise UnknownName("population of this network", name, network.populations)
    core = _pinned(network, traffic, chip, pinned, dead)
    into, count = _together(network, traffic, together)
    pinned_to = np.full(count, -1, np.int64)
    np.maximum.at(pinned_to, into, core)
    clashing = np.flatnonzero((core >= 0) & (pinned_to[into] != core))
    if len(clashing):
        raise ParameterError(
            "neurons that stay together cannot be pinned to several cores", where=traffic.name(int(clashing[0]))
        )
    label, clash = _kinds(network, traffic, apart, into, count)
    sizes = [p.size for p in network.populations.values()]
    compartments = [2 if isinstance(p.model, LoihiAHP) else 1 for p in network.populations.values()]
    weight = np.repeat(np.array(compartments, np.int64), sizes)
    terms = terms_of(traffic, chip.limits, into, weight, label, clash)
    needed = np.unique(core[core >= 0])
    if chip.limits_differ:
        terms = replace(terms, own=_own_limits(chip, working))
        working = working[np.argsort(-_share(terms), kind="stable")]
    allowed = len(working) if cores is None else min(cores, len(working))
    if len(needed) > allowed:
        raise ParameterError(
            f"neurons are pinned to {len(needed)} cores", where="pinned", value=f"{allowed} cores that may be used"
        )
    chosen = np.concatenate([needed, working[~np.isin(working, needed)]])[:allowed]
    fixed = np.full(count, -1, np.int32)
    is_pinned = pinned_to >= 0
    fixed[is_pinned] = np.argsort(chosen)[np.searchsorted(np.sort(chosen), pinned_to[is_pinned])]
    least = _cores_needed(terms, allowed, len(set(dead)))
    if chip.limits_differ:
        terms = replace(terms, own=_own_limits(chip, chosen))
    _check_pinned(terms, chosen, fixed)
    return Rules(terms, chosen, fixed, least)


def by_core(terms: Terms, chip: Chip) -> Terms:
    """The same terms where each part stands for the core of its number."""
    if not chip.limits_differ:
        return terms
    kinds = chip.core_limits
    return replace(terms, own=tuple(kinds[group] for group in chip.core_group))


def _own_limits(chip: Chip, cores: Ints) -> tuple[Limits, ...]:
    """The limits of some cores."""
    kinds = chip.core_limits
    return tuple(kinds[group] for group in chip.core_group[cores])


def _share(terms: Terms) -> Floats:
    """The share of the whole network that each core could hold, by the limit that binds first; at most 1."""
    shares = np.ones(len(terms.own))
    for _, total, most in totals(terms):
        shares = np.minimum(shares, of_parts(most, len(terms.own)) / max(total, 1))
    return shares


def _check_pinned(terms: Terms, cores: Ints, fixed: Parts) -> None:
    """Refuse neurons that are pinned to a core that cannot hold them all.

    Raises
    ------
    InfeasibleError
        If there are such neurons.
    """
    pinned = np.flatnonzero(fixed >= 0)
    parts = int(fixed.max(initial=-1)) + 1
    if not len(pinned):
        return
    used = [(name, np.bincount(fixed[pinned], each[pinned], parts), most) for name, each, most in additive(terms)]
    axons = axon_limit(terms)
    if axons is not None:
        nets, part = len(terms.nets.weight), np.repeat(fixed, np.diff(terms.nets.begin)).astype(np.int64)
        distinct = np.unique((part * nets + terms.nets.net)[part >= 0]) // max(nets, 1)
        used.append(("axons_in", np.bincount(distinct, minlength=parts), axons))
    for name, count, limit in used:
        most = of_parts(limit, parts)
        worst = int(np.argmax(count - most))
        if count[worst] > most[worst]:
            needed = int(count[worst])
            if name == "fan_in":
                name, needed = "fan_in", int(widest_fan_in(terms)[pinned[fixed[pinned] == worst]].max())
                most = of_parts(_fan_in_limits(terms), parts)
            who = f"the neurons that are pinned to core {cores[worst]}"
            remedy = f"Pin fewer neurons to core {cores[worst]}"
            raise InfeasibleError(name, int(most[worst]), needed, who, proved=True, remedy=remedy)


def _fan_in_limits(terms: Terms) -> Most:
    """Most synapses onto one neuron of each part."""
    each = [NO_LIMIT if limits.fan_in is None else limits.fan_in for limits in terms.own or (terms.limits,)]
    return np.array(each, np.int64) if terms.own else int(each[0])


def _check_groups(groups: Sequence[Sequence[str]], where: str) -> None:
    """Refuse what is no groups of names of populations."""
    rule = "must be groups of names of populations"
    if not isinstance(groups, Sequence) or isinstance(groups, str | bytes):
        raise ParameterError(rule, where=where, value=shown(groups))
    for group in groups:
        if (
            not isinstance(group, Sequence)
            or isinstance(group, str | bytes)
            or not all(isinstance(n, str) for n in group)
        ):
            raise ParameterError(rule, where=where, value=shown(group))


def _working(chip: Chip, cores: int | None, dead: Sequence[int]) -> Ints:
    """Cores that are not dead."""
    dead_cores = np.unique(indices(dead, chip.cores, f"dead cores of {chip.name}"))
    if cores is not None:
        working = chip.cores - len(dead_cores)
        whole_number(cores, f"cores ({chip.name} has {working} that work)", least=1, most=working)
    return np.setdiff1d(np.arange(chip.cores), dead_cores)


def _pinned(network: Network, traffic: Traffic, chip: Chip, pinned: Mapping[str, Any], dead: Sequence[int]) -> Ints:
    """Core of each pinned neuron, -1 for all others."""
    core = np.full(traffic.neurons, -1, np.int64)
    for name, value in pinned.items():
        size, where = network.populations[name].size, f"pinned, population {name!r}"
        raw = numbers(value, where)
        if raw.shape not in ((), (size,)) or not (np.all(np.isfinite(raw)) and np.all(raw == np.floor(raw))):
            raise ParameterError(f"must be one core, or {size} of them", where=where, value=f"{raw.dtype}{raw.shape}")
        bad = (raw < -1) | (raw >= chip.cores) | np.isin(raw, list(dead))
        if np.any(bad):
            first = int(np.atleast_1d(raw)[np.atleast_1d(bad)][0])
            raise ParameterError(f"must be cores of {chip.name} that work, or -1", where=where, value=first)
        core[traffic.first[name] : traffic.first[name] + size] = raw
    return core


def _together(
    network: Network, traffic: Traffic, together: Sequence[Sequence[str]]
) -> tuple[np.ndarray[Any, Any], int]:
    """Vertex of each neuron: a group of populations, linked groups being one, or the neuron itself."""
    n = traffic.neurons
    ends: list[tuple[int, int]] = []
    for group in together:
        ids = [traffic.first[name] + np.arange(network.populations[name].size) for name in group]
        members = np.concatenate([np.zeros(0, np.int64), *ids])
        ends += [(int(members[0]), int(other)) for other in members[1:]]
    if not ends:
        return np.arange(n, dtype=np.uint32), n
    first_end, other_end = np.array(ends).T
    links = coo_array((np.ones(len(ends)), (first_end, other_end)), shape=(n, n))
    _, group_of = connected_components(links, directed=False)
    _, first, place = np.unique(group_of, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[place].astype(np.uint32), len(first)


def _kinds(
    network: Network, traffic: Traffic, apart: Sequence[tuple[str, str]], into: Ints, count: int
) -> tuple[Ints, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Kind of each vertex that must keep apart from others, and which kinds clash."""
    names = sorted({name for pair in apart for name in pair})
    label = np.full(count, -1, np.int64)
    clash = np.zeros((len(names), len(names)), np.bool_)
    for pair in apart:
        if len(pair) != 2 or pair[0] == pair[1]:
            raise ParameterError("populations that keep apart come in pairs of two", where="apart", value=tuple(pair))
        i, j = names.index(pair[0]), names.index(pair[1])
        clash[i, j] = clash[j, i] = True
    for kind, name in enumerate(names):
        members = into[traffic.first[name] : traffic.first[name] + network.populations[name].size]
        if np.any((label[members] >= 0) & (label[members] != kind)):
            raise ParameterError("populations that stay together cannot keep apart from others", where=repr(name))
        label[members] = kind
    return label, clash


def _cores_needed(terms: Terms, allowed: int, dead: int) -> int:
    """The fewest cores that may do, or a refusal.

    Raises
    ------
    InfeasibleError
        If a neuron fits no core, or all of them do not fit all cores.
    """
    traffic = terms.traffic
    axons = axon_limit(terms)
    alone = [row for row in additive(terms) if row[0] != "fan_in"]
    if axons is not None:
        alone.append(("axons_in", np.diff(terms.nets.begin), axons))
    alone.append(("fan_in", widest_fan_in(terms), _fan_in_limits(terms)))
    for limit, each, limits in alone:
        worst, most = int(each.max(initial=0)), int(np.max(limits, initial=0))
        if worst > most:
            neuron = int(np.argmax(terms.into == int(each.argmax())))
            several = int((terms.into == terms.into[neuron]).sum()) > 1
            who = f"the neurons that stay together with {traffic.name(neuron)}" if several else traffic.name(neuron)
            raise InfeasibleError(
                limit, most, worst, who, proved=True, remedy=f"The smallest core that would do has {limit} = {worst:,}"
            )
    least, limit = least_cores(terms)
    if least > allowed:
        total, limits = next((total, limits) for name, total, limits in totals(terms) if name == limit)
        if isinstance(limits, int):
            given = limits * allowed
            remedy = f"{allowed} cores of {limits:,} are given, at least {least} needed, such as {_mesh(least + dead)}"
        else:
            given = int(np.minimum(np.sort(limits)[::-1][:allowed], total).sum())
            remedy = f"The {allowed} largest cores that may be used hold {given:,} together"
        raise InfeasibleError(limit, given, total, _all_of(traffic), proved=True, remedy=remedy)
    return least


def _all_of(traffic: Traffic) -> str:
    """The network in words, by its largest population."""
    sizes = {name: len(part) for name, part in traffic.by_population(traffic.spikes).items()}
    largest = max(sizes, key=lambda name: sizes[name])
    return f"{traffic.neurons:,} neurons, {sizes[largest]:,} of them in {largest!r}"


def _mesh(cores: int) -> str:
    """The smallest mesh, nearly square, with so many cores."""
    height = max(math.isqrt(cores), 1)
    width = -(-cores // height)
    return f"a mesh of {width} x {height}"


def no_partition_found(rules: Rules) -> InfeasibleError:
    """The error where no partition was found, with a mesh that is large enough."""
    terms = rules.terms
    rows = [(int(each.sum()), int(np.max(most)), name) for name, each, most in additive(terms)]
    axons = axon_limit(terms)
    if axons is not None:
        rows.append((int(np.diff(terms.nets.begin).sum()), int(np.max(axons)), "axons_in"))
    _, most, name = max(rows, key=lambda row: row[0] / max(row[1], 1), default=(0, 0, "neurons"))
    enough = first_fit_size(terms, rules.fixed)
    who = f"{_all_of(terms.traffic)}, with up to {most:,} {name} a core"
    remedy = f"Filling cores one after the other takes {enough}, for instance {_mesh(enough)}"
    if terms.own:
        remedy = f"Filling cores one after the other takes {enough}, if all further ones are as large as the largest"
    return InfeasibleError("cores", rules.parts, enough, who, proved=False, remedy=remedy)
