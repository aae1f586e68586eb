"""`account`: the energy report of a recording on a placement, from counts times the figures of the chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from neuro.accounting.costs import Span, cost_of, own_kind
from neuro.accounting.counts import BinnedSpikes, Counts, count_events, is_source
from neuro.accounting.duration import Duration, duration_of_run
from neuro.accounting.neurobench import neurobench
from neuro.accounting.report import EnergyReport, Host
from neuro.accounting.shares import Share, shares_of
from neuro.accounting.time_of_flight import time_of_flight
from neuro.chip.mesh import HOPS, links
from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.errors import InputError, MissingFigure, ParameterError, PlacementError
from neuro.memory import require_memory
from neuro.network.wiring import other_wiring
from neuro.validation import flag, instance, number, positive, whole_number

__all__ = ["account", "bin_spikes"]

BINS = 100
"""Time bins for a chip without steps."""
BYTES_PER_STEP = 512
"""At least: counts and costs of one step or bin, kind by kind."""
STEP = 1e-3
"""Step of the network, s, if neither the caller nor the recording nor the chip gives one."""


def account(
    recording: Recording,
    placement: Placement,
    *,
    dt: float | None = None,
    bins: int | None = None,
    pulses: Mapping[int, int] | None = None,
    partial: bool = False,
) -> EnergyReport:
    """The cost of a recording on a placement: joules and counts by cause, population, core, link and time.

    Every spike of the recording counts with all its synapses, also with those that it reaches after the end. Energy is
    counts times figures of the chip. A step lasts as long as its slowest core, then the barrier; on a chip with
    `Chip.link_buffer`, until all messages are processed, which wait for links and cores. A chip with a clock takes at
    least its step. A chip without steps takes as long as the recording, or as its busiest core if that is longer.
    Static energy is power times latency. Without `link_buffer` the latency has no congestion and no time of flight.

    Parameters
    ----------
    recording
        Of any engine, in memory or loaded; no simulation runs.
    placement
        The cores of the neurons, and the chip.
    dt
        Duration of a step of the network, s, for a chip that advances in steps; by default that of a clocked recording,
        or the chip's own step, or else 1 ms. `EnergyReport.step` has the value.
    bins
        Number of time bins of a chip without steps; 100 by default.
    pulses
        Write pulses by core, where crossbars learned: ``crossbar.ledger`` has their number.
    partial
        Leave out unknown figures that the total needs, and list them in `EnergyReport.missing`.

    Raises
    ------
    MissingFigure
        If the total needs an unknown figure, and `partial` is not set.
    PlacementError
        If recording and placement are of different networks.
    ChipError
        If a chip has `link_buffer` and multicast.
    InputError
        If the run did not record its spikes.
    ParameterError
        If the step, the number of bins or the pulses are out of range, or the step is not that of a clocked recording.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> projection = net.connect(cue, cell, nr.AllToAll(0.5), delay=1e-3)
    >>> rec = nr.run(net, 0.01, inputs={"cue": nr.Spikes([1e-3, 5e-3], [0, 0])})
    >>> report = nr.account(rec, nr.placed(net, nr.load_chip("loihi_davies2018"), {"cue": 0, "cell": 0}), dt=1e-3)
    >>> report.counts["synapse"], f"{report.by_cause['synapse']:.3g} J"
    (4.0, '9.44e-11 J')
    """
    instance(recording, "recording", Recording, "a Recording")
    instance(placement, "placement", Placement, "a Placement")
    flag(partial, "partial")
    if dt is not None:
        dt = number(dt, "dt", check=positive, unit="s")
    chip = placement.chip
    binned = bin_spikes(recording, placement, dt, bins)
    counts = count_events(placement, binned)
    shares = shares_of(placement, binned, counts)
    _count_pulses(counts, shares, chip, {} if pulses is None else pulses, binned)
    duration = duration_of_run(recording, placement, binned, counts, shares)
    costs = [{kind: cost_of(share.energy, kind) for kind in share.counts.kinds()} for share in shares]
    missing: dict[str, float] = {}
    for share, energy in zip(shares, costs, strict=True):
        for kind in (kind for kind, cost in energy.items() if cost is None):
            missing[f"energy.{kind}"] = missing.get(f"energy.{kind}", 0.0) + share.counts.total[kind]
    power, unknown = _static_power(placement)
    static = Span(0.0, 0.0, 0.0)
    if unknown:
        missing |= {f"power.{key}": float(binned.steps) for key in unknown}
    elif duration.latency is not None:
        static = Span(*(p * t for p, t in zip(power, duration.latency, strict=True)))
    elif power.high > 0:
        missing |= {f"{kind}, for static power": count for kind, count in duration.missing.items()}
    if missing and not partial:
        raise MissingFigure(chip.name, missing)
    known = [{kind: cost for kind, cost in energy.items() if cost is not None} for energy in costs]
    priced = list(zip(shares, known, strict=True))
    return _report(recording, placement, binned, counts, priced, static, duration, missing)


def bin_spikes(recording: Recording, placement: Placement, dt: float | None, bins: int | None) -> BinnedSpikes:
    """All spikes by step, or by bin on a chip without steps. `account` says what is refused."""
    chip, start, length = placement.chip, recording.start, recording.stop - recording.start
    offset = placement.offset
    if bins is not None:
        _refuse_many(whole_number(bins, "bins", least=1, most=2**53), "bins")
    _check_network(recording, placement)
    times, neurons = [np.zeros(0)], [np.zeros(0, np.int64)]
    for name, spikes in recording.spikes.items():
        if name not in placement.core:
            raise PlacementError("every population of the recording needs a core", where=f"population {name!r}")
        if len(spikes) and int(spikes.ids.max()) >= len(placement.core[name]):
            raise PlacementError(
                f"the placement has {len(placement.core[name])} neurons of it",
                where=f"population {name!r}",
                value=f"a spike of neuron {int(spikes.ids.max())}",
            )
        times.append(spikes.times)
        neurons.append(spikes.ids + offset[name])
    time, neuron = np.concatenate(times), np.concatenate(neurons)
    if not len(time) and any(recording.events.values()):
        raise InputError("spikes must be recorded to be accounted", where="recording", value="events without spikes")
    stepped = chip.mode == "step"
    if stepped:
        step_length = _step(recording, chip, dt)
        # Sums of dt differ from multiples of dt by rounding.
        _refuse_many(length / step_length, f"dt = {step_length:g} s")
        steps = int(np.ceil(length / step_length - 1e-6))
        step = np.floor((time - start) / step_length + 1e-6).astype(np.int64)
    else:
        steps = BINS if bins is None else bins
        step = np.floor((time - start) * (steps / length if length else 0.0)).astype(np.int64)
    step = np.clip(step, 0, max(steps - 1, 0))
    order = np.argsort(step, kind="stable")
    return BinnedSpikes(step[order], neuron[order], steps, stepped)


def _check_network(recording: Recording, placement: Placement) -> None:
    """Refuse a placement of another network, as far as the recording says which it is of."""
    about = recording.provenance.get("network", {})
    populations = about.get("populations", {})
    for name in placement.core:
        if populations and name not in populations:
            value = f"recorded: {', '.join(populations)}"
            rule = "recording and placement must be of the same network"
            raise PlacementError(rule, where=f"population {name!r} of the placement", value=value)
    for name, each in populations.items():
        if name in placement.core and len(placement.core[name]) != each["size"]:
            raise PlacementError(
                "recording and placement must be of the same network",
                where=f"population {name!r}",
                value=f"{each['size']:,} neurons recorded, {len(placement.core[name]):,} placed",
            )
    # A chip may need synapses that the engine does not have, such as those onto second compartments.
    name, difference = other_wiring(placement.wiring, about.get("wiring", {}), more=True)
    if name:
        raise PlacementError(
            "recording and placement must be of the same network",
            where=f"projection {name!r}",
            value=difference,
            remedy="Place the network that was recorded",
        )


def _step(recording: Recording, chip: Chip, dt: float | None) -> float:
    own = recording.provenance.get("dt")
    if dt is not None and own is not None and abs(dt - own) > 1e-9 * own:
        rule = f"the recording was made in steps of {own:g} s, which the chip has to follow"
        raise ParameterError(
            rule, where="dt", value=f"{dt:g} s", remedy="Leave `dt` out, or run the network in these steps"
        )
    found = dt if dt is not None else own
    if found is None and chip.step is not None:
        found = chip.step.value
    return number(STEP if found is None else found, "dt", check=positive, unit="s")


def _refuse_many(steps: float, where: str) -> None:
    """Refuse more steps or bins than fit into memory."""
    remedy = "Count in fewer steps"
    require_memory(BYTES_PER_STEP * steps, where, value=f"{steps:.3g} steps or bins", remedy=remedy)


def _count_pulses(
    counts: Counts, shares: list[Share], chip: Chip, pulses: Mapping[int, int], binned: BinnedSpikes
) -> None:
    instance(pulses, "pulses", Mapping, "numbers of pulses by core")
    if not pulses:
        return
    core = np.zeros(chip.cores)
    for place, count in pulses.items():
        where = f"pulses, counts by core 0..{chip.cores - 1}"
        core[whole_number(place, where, most=chip.cores - 1)] = whole_number(count, f"{where}, {place}", most=2**53)
    for part, only in [(counts, None), *((share.counts, share.only) for share in shares if share.only is not None)]:
        own = core if only is None else core * only
        total = float(own.sum())
        part.total["write_pulse"], part.core["write_pulse"] = total, own
        # The recording does not say when they were sent.
        part.bin["write_pulse"] = np.full(binned.steps, total / max(binned.steps, 1))


def _static_power(placement: Placement) -> tuple[Span, list[str]]:
    """Static power of the chips and of the cores in use, W, and which of them is unknown."""
    chip = placement.chip
    own = placement.neuron_core
    chips = chip.chips[0] * chip.chips[1]
    total, unknown = np.zeros(3), []
    for key, parts in (("chip", chips), ("core", len(np.unique(own[own >= 0])))):
        if key not in chip.power:
            if key == "chip":
                unknown.append(key)
            continue
        cost = cost_of(chip.power, key)
        if cost is None:
            unknown.append(key)
        else:
            total += parts * np.array(cost)
    return Span(*total.tolist()), unknown


def _report(
    recording: Recording,
    placement: Placement,
    binned: BinnedSpikes,
    counts: Counts,
    priced: Sequence[tuple[Share, Mapping[str, Span]]],
    static: Span,
    duration: Duration,
    missing: Mapping[str, float],
) -> EnergyReport:
    """The report: counts times costs, summed by cause, population, core, link and time."""
    chip, mesh = placement.chip, links(placement.chip)
    by_core, by_bin = np.zeros(chip.cores), np.zeros(binned.steps)
    by_population = np.zeros(len(placement.core))
    causes: dict[str, float] = {}
    ranges: dict[str, tuple[float, float]] = {}
    for share, cost in priced:
        for kind, joules in cost.items():
            count, (least, most) = share.counts.total[kind], ranges.get(kind, (0.0, 0.0))
            causes[kind] = causes.get(kind, 0.0) + count * joules.value
            ranges[kind] = least + count * joules.low, most + count * joules.high
            by_bin += share.counts.bin[kind] * joules.value
            if kind in share.counts.core:
                by_core += share.counts.core[kind] * joules.value
            if kind in share.counts.population:
                by_population += share.counts.population[kind] * joules.value
    hop = np.array([priced[0][1][kind].value if kind in priced[0][1] else 0.0 for kind in HOPS])
    if static.value:
        lasting = np.full(binned.steps, 1.0) if duration.steps is None else duration.steps
        by_bin += static.value * (lasting / lasting.sum())
    if not any(lacking.startswith("power.") for lacking in missing):
        causes["static"], ranges["static"] = static.value, (static.low, static.high)
    low, high = (float(sum(ends[k] for ends in ranges.values())) for k in (0, 1))
    updates = [[cost_of(share.energy, own_kind(chip, f"update_{word}")) for word in ("idle", "active")]
               for share, _ in priced]  # fmt: skip
    known = [(share, idle, active) for (share, _), (idle, active) in zip(priced, updates, strict=True)
             if idle is not None and active is not None]  # fmt: skip
    if duration.received:
        # The sources do not say whether a neuron that receives a spike is active. Up to this many may have been.
        high += duration.received * max(0.0, *(active.high - idle.high for _, idle, active in known), 0.0)
        low += duration.received * min(0.0, *(active.low - idle.low for _, idle, active in known), 0.0)
    if _may_be_idle(placement):
        for share, idle, active in known:
            # Nothing says which neurons are updated: at least those that fire, at most all.
            quiet = _quiet_updates(placement, binned, share)
            low -= max(0.0, quiet * (active.low - idle.low))
            high += max(0.0, quiet * (idle.high - active.high))
    return EnergyReport(
        chip=chip.name,
        total=float(sum(causes.values())),
        range=(low, high),
        by_cause=causes,
        by_population=dict(zip(placement.core, by_population.tolist(), strict=True)),
        by_core=by_core,
        by_link=counts.link * hop[mesh.kind],
        static=static.value,
        by_bin=by_bin,
        step=(recording.stop - recording.start) / binned.steps if binned.stepped and binned.steps else None,
        bins=np.linspace(recording.start, recording.stop, binned.steps + 1),
        counts=counts.total,
        counts_by_bin=counts.bin,
        counts_by_core=counts.core,
        messages_by_link=counts.link,
        links=mesh,
        latency=None if duration.latency is None else duration.latency.value,
        latency_range=None if duration.latency is None else (duration.latency.low, duration.latency.high),
        step_times=duration.steps,
        busiest=duration.busiest,
        flight=time_of_flight(placement, counts.spikes),
        host=_host(recording, placement, binned),
        metrics=neurobench(placement, binned),
        missing=dict(missing),
        missing_time=duration.missing,
        range_by_cause=ranges,
    )


def _may_be_idle(placement: Placement) -> bool:
    """Are all updates counted as active, although those of neurons that did not fire may have been idle?"""
    chip = placement.chip
    return chip.updates_unstated or (chip.updates == "touched" and placement.routes.targets is None)


def _quiet_updates(placement: Placement, binned: BinnedSpikes, share: Share) -> float:
    """Active updates of neurons that did not fire in the step, on the cores of a share."""
    total = sum(count for kind, count in share.counts.total.items() if kind.partition(":")[0] == "update_active")
    neuron = binned.neuron[(binned.repeated == 0) & ~is_source(placement)[binned.neuron]]
    if share.only is not None:
        neuron = neuron[share.only[placement.neuron_core[neuron]] > 0]
    return float(total - placement.neuron_compartments[neuron].sum())


def _host(recording: Recording, placement: Placement, binned: BinnedSpikes) -> Host | None:
    """Energy and time of the host that feeds the chip."""
    host = placement.chip.host
    if not host:
        return None
    value = {key: quantity.value for key, quantity in host.items()}
    step, spike = value.get("step"), value.get("spike")
    latency = None if step is None else binned.steps * step
    inputs = sum(len(recording.spikes[name]) for name in placement.sources if name in recording.spikes)
    power, static = value.get("power"), value.get("static")
    dynamic = None if power is None or latency is None else power * latency
    if spike is not None:
        dynamic = (dynamic or 0.0) + spike * inputs
    idle = None if static is None or latency is None else static * latency
    return Host(dynamic=dynamic, static=idle, latency=latency)
