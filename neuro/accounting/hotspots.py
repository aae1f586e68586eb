"""`hotspots`: the busiest core and the busiest link of each step, or of each window of a chip without steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuro.accounting.account import bin_spikes
from neuro.accounting.costs import kinds_of_load, seconds_on_cores
from neuro.accounting.duration import work_in_steps
from neuro.accounting.slowest_core import slowest_core
from neuro.chip.mesh import Links, busiest_links, links
from neuro.chip.placement import Placement
from neuro.display import Displayed, Rows, amount
from neuro.engine.recording import Recording
from neuro.validation import Floats, Ints, instance, number, positive

__all__ = ["Hotspots", "hotspots"]

WINDOW = 1e-3
"""Window of a chip without steps, s."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Hotspots(Displayed):
    """The busiest core and the busiest link of each step, or of each window of a chip without steps."""

    chip: str
    """Name of the chip."""
    start: Floats
    """Beginning of each step or window, s in the recording's time, shape (steps,)."""
    core: Ints | None
    """The core with the most work, the first of equal ones, shape (steps,); None where the chip's times are unknown."""
    seconds: Floats | None
    """Its work, all events added up, s, shape (steps,); without the barrier, and without waiting for links."""
    link: Ints
    """The link with the most messages, an index of `links`; -1 where there are none; shape (steps,)."""
    messages: Floats
    """Its messages, shape (steps,)."""
    links: Links
    """The links of the mesh: tiles that each leaves and enters, and its kind."""

    def _display(self) -> tuple[str, Rows]:
        rows: list[tuple[str, object]] = []
        if self.core is not None and self.seconds is not None and len(self.seconds):
            at = int(np.argmax(self.seconds))
            share = float(np.mean(self.core == np.bincount(self.core).argmax()))
            rows.append(
                ("busiest core", f"{self.core[at]}, {amount(float(self.seconds[at]), 's')} at {self.start[at]:.4g} s")
            )
            rows.append(("most often", f"core {np.bincount(self.core).argmax()}, in {share:.0%} of the steps"))
            rows.append(("all steps", amount(float(self.seconds.sum()), "s")))
        if len(self.messages) and self.messages.max() > 0:
            at = int(np.argmax(self.messages))
            ends = [tuple(end[self.link[at]].tolist()) for end in (self.links.source, self.links.target)]
            where = f"{ends[0]} to {ends[1]}, {self.messages[at]:,.0f} messages at {self.start[at]:.4g} s"
            rows.append(("busiest link", where))
        return f"Hotspots on {self.chip}: {len(self.start):,} steps or windows", rows


def hotspots(
    recording: Recording, placement: Placement, *, dt: float | None = None, window: float = WINDOW
) -> Hotspots:  # fmt: skip
    """The busiest core and the busiest link in each step of a recording on a placement.

    The work of a core in a step is what `account` adds up: updates, spikes, messages and synaptic operations, times the
    chip's seconds. Where no messages wait, a step of `account` lasts as long as its busiest core, then the barrier.

    Parameters
    ----------
    recording
        Of any engine, in memory or loaded; no simulation runs.
    placement
        The cores of the neurons, and the chip.
    dt
        Step of a chip that advances in steps, s; by default as for `account`.
    window
        Window of a chip without steps, s; the last one may be shorter, as windows are of equal length.

    Raises
    ------
    PlacementError
        If recording and placement are of different networks.
    InputError
        If the run did not record its spikes.
    ParameterError
        If the step or the window is out of range.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> projection = net.connect(cue, cell, nr.AllToAll(0.5), delay=1e-3)
    >>> rec = nr.run(net, 3e-3, inputs={"cue": nr.Spikes([1.2e-3, 1.4e-3], [0, 0])})
    >>> where = nr.placed(net, nr.load_chip("loihi_davies2018"), {"cue": 0, "cell": 4})
    >>> found = nr.hotspots(rec, where, dt=1e-3)
    >>> found.core.tolist(), found.messages.tolist()
    ([4, 4, 4], [0.0, 2.0, 0.0])
    >>> [f"{seconds:.3g}" for seconds in found.seconds]
    ['1.06e-08', '2.46e-08', '1.06e-08']
    """
    instance(recording, "recording", Recording, "a Recording")
    instance(placement, "placement", Placement, "a Placement")
    if dt is not None:
        dt = number(dt, "dt", check=positive, unit="s")
    window = number(window, "window", check=positive, unit="s")
    chip, length = placement.chip, recording.stop - recording.start
    bins = None if chip.mode == "step" else max(int(np.ceil(min(length / window, 2.0**53) - 1e-6)), 1)
    binned = bin_spikes(recording, placement, dt, bins)
    seconds = {kind: seconds_on_cores(chip, kind) for kind in kinds_of_load(chip).values() if kind}
    known = {kind: each for kind, each in seconds.items() if each is not None}
    core = work = None
    if len(known) == len(seconds):
        core, work = np.zeros(binned.steps, np.int64), np.zeros(binned.steps)
        slowest_core(work_in_steps(placement, binned, known), work, np.zeros(binned.steps), core)
    link, messages = busiest_links(placement, binned.step, binned.neuron, binned.steps)
    return Hotspots(
        chip=chip.name, start=np.linspace(recording.start, recording.stop, binned.steps + 1)[:-1], core=core,
        seconds=work, link=link, messages=messages, links=links(chip),
    )  # fmt: skip
