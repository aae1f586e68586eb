"""Rules of learning in plain Python, from their definitions: what the weights become, given all spikes."""

from __future__ import annotations

import math
from bisect import bisect_left

from neuro.learning.spike_rules import EventLocal


def trace(spikes, tau, t):
    """Sum over earlier spikes of exp(-age/tau)."""
    return sum(math.exp(-(t - s) / tau) for s in spikes if s < t)


def step(rule, before_source, before_target, t):
    """Changes of a weight at one spike of the source, and at one of the target, at time t."""
    if isinstance(rule, EventLocal):
        scale = rule.rate / (rule.beta * rule.full * rule.window)

        def contrast(spikes):
            fast, slow = (trace(spikes, tau, t) / (rule.full * tau) for tau in (rule.tau_fast, rule.tau_slow))
            return fast - slow

        return scale * contrast(before_target), scale * contrast(before_source)
    return -rule.a_minus * trace(before_target, rule.tau_minus, t), rule.a_plus * trace(before_source, rule.tau_plus, t)


def course(rule, weight, source, target, until):
    """The times at which a weight becomes another one, and what it becomes; spikes of source and target, sorted.

    What is told at a time holds for spikes that are fired after it; sums that are written, from that time on.
    """
    low = -math.inf if rule.w_min is None else rule.w_min
    high = math.inf if rule.w_max is None else rule.w_max
    moments = {(t, 1) for t in (*source, *target) if t < until}
    if rule.every:
        moments |= {(k * rule.every, 0) for k in range(1, int(until / rule.every) + 2) if k * rule.every <= until}
    times, values, pending = [], [], 0.0
    for t, kind in sorted(moments):
        if kind == 0:
            weight, pending = min(max(weight + pending, low), high), 0.0
            times.append(math.nextafter(t, -math.inf))
            values.append(weight)
            continue
        if rule.during and not any(a <= t < b for a, b in rule.during):
            continue
        at_source, at_target = step(rule, source, target, t)
        for change in [at_source] * source.count(t) + [at_target] * target.count(t):
            if rule.every:
                pending += change
            else:
                weight = min(max(weight + change, low), high)
        if not rule.every:
            times.append(t)
            values.append(weight)
    return times, values


class Twin:
    """Weights of all plastic synapses of a network at all times, from the spikes of a run."""

    def __init__(self, network, rules, synapses, spikes, until):
        self.courses, self.first = {}, {}
        trains = {
            (name, i): [float(t) for t, j in zip(s.times, s.ids, strict=True) if j == i]
            for name, s in spikes.items()
            for i in range(network.populations[name].size)
        }
        for name, rule in rules.items():
            p = network.projections[name]
            for k, (pre, post, weight) in enumerate(synapses[name]):
                self.first[name, k] = weight
                source, target = trains[p.pre.name, pre], trains[p.post.name, post]
                self.courses[name, k] = course(rule, weight, source, target, until)

    def weight_at(self, name, k, t):
        """The weight that a spike of time t has; within a nanosecond of t nothing but its own change happens."""
        if (name, k) not in self.courses:
            return None
        times, values = self.courses[name, k]
        n = bisect_left(times, t - 1e-9)
        return values[n - 1] if n else self.first[name, k]

    def final(self, name):
        """All weights of a projection at the end."""
        found = []
        k = 0
        while (name, k) in self.courses:
            values = self.courses[name, k][1]
            found.append(values[-1] if values else self.first[name, k])
            k += 1
        return found
