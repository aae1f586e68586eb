"""Laws of instants: times that are nominally equal are one instant, however they were summed, and in both engines."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.instants import instant_of, instants_of
from tests.engine.agreement import same_bits
from tests.oracle import instant, simulate

pytestmark = pytest.mark.filterwarnings("ignore:.*milliseconds are written")

SLOW = 1e7
"""A membrane time constant with which jumps stay what they are, s."""
STEPS = [Fraction(1, 10_000), Fraction(1, 40_000), Fraction(1, 8_000), Fraction(37, 10**6), Fraction(1, 10**6)]
"""Grids: 0.1 ms, 25 us, 125 us, 37 us, 1 us, in seconds."""
CELLS = {
    "amplitude form": lambda **own: nr.LIF(tau_m=SLOW, v_th=0.9, **own),
    "slow currents": lambda **own: nr.AHP(tau_m=SLOW, v_th=0.9, tau_ahp=0.1, jump=1e-9, **own),
    "a floor": lambda **own: nr.LIF(tau_m=SLOW, v_th=0.9, v_min=-99.0, **own),
    "several receptors": lambda **own: nr.LIF(tau_m=SLOW, v_th=0.9, tau_syn=(None, 5e-3), **own),
    "no leak": lambda **own: nr.IF(v_th=0.9, **own),
}
EXACT = ["one delay a row", "delays of their own", "a delay of zero", "a drive"]
"""How arrivals come in the exact engine."""


@dataclass(frozen=True)
class Clock:
    """Times on a decimal grid as people write them: products, and sums of products."""

    step: Fraction
    way: str

    def at(self, n, since=0):
        """The time of n steps, s."""
        step = float(self.step)
        if self.way == "literal":
            return float(n * self.step)
        return n * step if self.way == "product" else since * step + (n - since) * step


@st.composite
def clocks(draw):
    """A grid, a way to write its times, and a beginning of at most 10,000 s in steps."""
    step = draw(st.sampled_from(STEPS))
    most = draw(st.sampled_from([0.0, 0.5, 100.0, 9_999.0]))
    start = draw(st.integers(0, math.floor(Fraction(most) / step)))
    return Clock(step, draw(st.sampled_from(["literal", "product", "sum"]))), start


def wired(sent, model, kind, clock):
    """A network and its inputs: spikes (source, time in steps, delay in steps, weight) reach the first of three cells.

    The other two have later inputs that do not matter.
    """
    if kind == "a drive":  # whose arrivals let no silence be skipped
        assume(max(n for _, n, *_ in sent) * clock.step < 2)
    net, n = nr.Network(seed=1), max(source for source, *_ in sent) + 1
    net.add(nr.Population("cue", n, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, model))
    pre, delay, weight = (np.array(x) for x in zip(*{(s, m, w) for s, _, m, w in sent}, strict=True))
    post, lag = np.zeros(len(pre), int), np.array([clock.at(int(m)) for m in delay])
    if kind == "delays of their own":
        post, pre = np.concatenate([post, post + 1, post + 2]), np.tile(pre, 3)
        weight, lag = np.concatenate([weight, 0.0 * weight, 0.0 * weight]), np.concatenate([lag, lag * 1.37, lag * 2.9])
    net.connect("cue", "cell", nr.Sparse(pre, post, weight), delay=lag)
    if kind == "a delay of zero":
        net.connect("cell", "cell", nr.Sparse([1], [2], 0.0), delay=0.0)
    if kind == "a drive":
        net.drive("cell", nr.PoissonInput(rate=100.0, weight=1e-12))
    return net


def cues(sent, clock, since=0):
    """The spikes of the sources."""
    pairs = sorted({(clock.at(n, since), source) for source, n, *_ in sent})
    return {"cue": nr.Spikes([t for t, _ in pairs], [i for _, i in pairs])}


def steps_of(spikes, i, clock, late=0):
    """When neuron i fires, in steps; all spikes lie on the grid."""
    times = spikes.times[spikes.ids == i]
    found = [round(Fraction(t) / clock.step) + late for t in times.tolist()]
    return found


def in_steps(net, sent, clock, since, stop):
    """Spikes of the first cell in the clocked engine, in steps: a spike at the end of a step has the stamp before."""
    dt = float(clock.step)
    run = nr.run(net, stop * dt, inputs=cues(sent, clock, since), engine="clocked", dt=dt)
    return steps_of(run.spikes["cell"], 0, clock, late=1)


@st.composite
def meetings(draw, second):
    """Pairs of spikes that reach one neuron at one instant over two delays, weighted 1.5 and `second`."""
    clock, since = draw(clocks())
    sent, meet = [], []
    at = since
    for pair in range(draw(st.integers(1, 12))):
        one, two = draw(st.integers(1, 40)), draw(st.integers(1, 40))
        at += 40 + draw(st.integers(0, 60))
        sent += [(2 * pair, at - one, one, 1.5), (2 * pair + 1, at - two, two, second)]
        meet.append(at)
    return clock, since, sent, meet, at + 50


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("cell", CELLS)
@given(case=meetings(second=-1.5))
def test_inputs_that_cancel_never_fire(kind, cell, case):
    clock, since, sent, _, stop = case
    net = wired(sent, CELLS[cell](), kind, clock)
    run = nr.run(net, clock.at(stop), inputs=cues(sent, clock, since))
    assert len(run.spikes["cell"]) == 0


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("cell", CELLS)
@given(case=meetings(second=-0.25))
def test_inputs_that_meet_fire_once_and_at_their_nominal_time(kind, cell, case):
    clock, since, sent, meet, stop = case
    net = wired(sent, CELLS[cell](), kind, clock)
    run = nr.run(net, clock.at(stop), inputs=cues(sent, clock, since))
    assert run.spikes["cell"].times.tolist() == [float(n * clock.step) for n in meet]
    if kind == "one delay a row":
        assert in_steps(net, sent, clock, since, stop) == meet


@st.composite
def paced(draw):
    """An input every few steps, and a refractory time of a whole number of steps."""
    clock, since = draw(clocks())
    every, pause, delay = draw(st.integers(1, 7)), draw(st.integers(1, 40)), draw(st.integers(1, 20))
    sent = [(0, since + every * k, delay, 1.5) for k in range(draw(st.integers(60, 200)))]
    return clock, since, sent, every, pause, sent[-1][1] + delay + 1


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("cell", CELLS)
@given(case=paced())
def test_an_input_at_the_very_end_of_the_refractory_time_counts_at_every_time_and_in_both_engines(kind, cell, case):
    clock, since, sent, every, pause, stop = case
    net = wired(sent, CELLS[cell](refractory=clock.at(pause)), kind, clock)
    found = steps_of(nr.run(net, clock.at(stop), inputs=cues(sent, clock, since)).spikes["cell"], 0, clock)
    interval = -(-pause // every) * every
    first = since + sent[0][2]
    assert found == list(range(first, sent[-1][1] + sent[0][2] + 1, interval))
    if kind == "one delay a row":
        assert in_steps(net, sent, clock, since, stop) == found


@given(case=paced(), refractory=st.floats(1e-6, 5e-3))
def test_with_any_refractory_time_intervals_are_constant(case, refractory):
    clock, since, sent, every, _, stop = case
    pace = every * clock.step
    # Where the refractory time is a whole number of inputs but for a rounding, either number would do.
    assume(abs(Fraction(refractory) / pace - round(Fraction(refractory) / pace)) > Fraction(1, 10**6))
    net = wired(sent, CELLS["amplitude form"](refractory=refractory), "one delay a row", clock)
    found = steps_of(nr.run(net, clock.at(stop), inputs=cues(sent, clock, since)).spikes["cell"], 0, clock)
    assert set(np.diff(found)) <= {math.ceil(Fraction(refractory) / pace) * every}


@st.composite
def on_a_grid(draw):
    """A recurrent network whose every time is on a grid, and whose neurons only sum; where it begins and ends."""
    clock, since = draw(clocks())
    net, n = nr.Network(seed=2), draw(st.integers(2, 5))
    net.add(nr.Population("cue", 4, nr.SpikeSource()))
    cell = CELLS[draw(st.sampled_from(sorted(CELLS)))]
    pauses = [draw(st.integers(1, 30)) for _ in range(n)]
    net.add(nr.Population("cell", n, cell(refractory=np.array([clock.at(pause) for pause in pauses]))))
    for pre, size in (("cue", 4), ("cell", n)):
        many = draw(st.integers(1, 12))
        i, j = ([draw(st.integers(0, top - 1)) for _ in range(many)] for top in (size, n))
        weight = [draw(st.sampled_from([1.5, 1.0, 0.75, 0.5, -0.5, -1.0, -1.5])) for _ in range(many)]
        lag = [clock.at(draw(st.integers(1, 25))) for _ in range(many)]
        net.connect(pre, "cell", nr.Sparse(i, j, weight), delay=lag)
    sent = [(draw(st.integers(0, 3)), since + draw(st.integers(0, 150))) for _ in range(draw(st.integers(1, 60)))]
    return clock, since, net, sent, since + 200


@given(case=on_a_grid())
def test_on_a_grid_both_engines_and_the_oracle_have_the_same_spikes(case):
    clock, since, net, sent, stop = case
    given_, dt = cues(sent, clock, since), float(clock.step)
    exact = nr.run(net, clock.at(stop), inputs=given_)
    expected = simulate(net, clock.at(stop), given_)
    assert (exact.spikes["cell"].times.tolist(), exact.spikes["cell"].ids.tolist()) == expected.spikes["cell"]
    clocked = nr.run(net, stop * dt, inputs=given_, engine="clocked", dt=dt)
    size = net.populations["cell"].size
    for i in range(size):
        late = [n for n in steps_of(clocked.spikes["cell"], i, clock, late=1) if n < stop]
        assert steps_of(exact.spikes["cell"], i, clock) == late


@given(case=on_a_grid(), cuts=st.lists(st.integers(0, 200), max_size=3))
def test_runs_cut_at_an_instant_have_the_bits_of_one_run(case, cuts):
    clock, since, net, sent, stop = case
    given_, state, now = cues(sent, clock, since), None, 0.0
    times, ids = [], []
    for cut in [*(clock.at(since + n) for n in sorted(cuts)), clock.at(stop)]:
        part = nr.run(net, max(cut - now, 0.0), inputs=given_, state=state)
        state, now = part.state, part.stop
        times += part.spikes["cell"].times.tolist()
        ids += part.spikes["cell"].ids.tolist()
    whole = nr.run(net, now, inputs=given_).spikes["cell"]
    assert (times, ids) == (whole.times.tolist(), whole.ids.tolist())


@given(case=on_a_grid(), data=st.data())
def test_threads_and_the_order_of_neurons_change_no_spike(case, data):
    clock, since, net, sent, stop = case
    given_ = cues(sent, clock, since)
    one = nr.run(net, clock.at(stop), inputs=given_)
    assert same_bits(one, nr.run(net, clock.at(stop), inputs=given_, threads=2))
    size = net.populations["cell"].size
    place = np.array(data.draw(st.permutations(range(size))))
    other, model = nr.Network(seed=2), net.populations["cell"].model
    other.add(net.populations["cue"])
    other.add(nr.Population("cell", size, replace(model, refractory=model.refractory[np.argsort(place)])))
    for p in net.projections.values():
        pre = p.synapses.pre if p.pre.name == "cue" else place[np.array(p.synapses.pre)]
        other.connect(
            p.pre.name, "cell", nr.Sparse(pre, place[np.array(p.synapses.post)], p.synapses.weight), delay=p.delay
        )
    moved = nr.run(other, clock.at(stop), inputs=given_).spikes["cell"]
    for i in range(size):
        found = one.spikes["cell"]
        assert np.array_equal(found.times[found.ids == i], moved.times[moved.ids == place[i]])


@given(t=st.one_of(st.floats(0.0, 1e7), st.integers(0, 10**13).map(lambda n: n * 1e-9), st.just(1e17)))
def test_an_instant_is_the_whole_nanosecond_nearby_or_the_time(t):
    note(repr(t))
    found = float(instants_of(np.array(t)))
    assert found == instant_of(t)
    assert found == t or abs(found - t) <= 2.0**-48 * t
    assert float(instants_of(np.array(found))) == found
    assert found == pytest.approx(instant(t), rel=2.0**-47, abs=0.0)


@given(t=st.floats(0.0, 1e5), up=st.integers(1, 100))
def test_later_times_have_no_earlier_instants(t, up):
    later = t
    for _ in range(up):
        later = math.nextafter(later, math.inf)
    assert instants_of(np.array(t)) <= instants_of(np.array(later))
