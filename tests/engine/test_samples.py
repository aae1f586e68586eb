"""Sampled currents, adaptation, thresholds and weights are what the equations say at the asked times, in every engine,
in memory and in files; and nothing else changes because they are sampled."""

from __future__ import annotations

import math
from bisect import bisect_right

import h5py
import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.drive import chunks
from neuro.engine.recording import SAMPLED
from neuro.engine.storage import file_recorder
from neuro.errors import InputError, NetworkError, ParameterError, UnknownName, UnsupportedFeature
from neuro.network.neurons import Source, receptors
from neuro.units import ms
from tests.engine.agreement import ROUNDING, TIME, V_DT, clamp_of, for_engine, same_bits
from tests.engine.zoo import DURATION, assert_same, clamp, inputs, stop_after, zoo
from tests.learning.test_plasticity import PULSES, learned, on_devices, plastic_cases, synapses_of
from tests.oracle import decayed, horizon, listed, simulate
from tests.plasticity_reference import Twin
from tests.strategies import fractions, readable, small_networks

CASES = {
    "windows": small_networks(),
    "no delay": small_networks(instant=True),
    "everything": small_networks(whole=True, more=True),
}


def has(population: nr.Population, field: str) -> bool:
    model = population.model
    if field == "current":
        return any(tau is not None for tau in receptors(model))
    return field != "adaptation" or isinstance(model, nr.AHP | nr.ALIF)


def everything(network: nr.Network, step: float, **more) -> nr.Record:
    cells = [p for p in network.populations.values() if not isinstance(p.model, Source)]
    asked = {field: {p.name: range(p.size) for p in cells if has(p, field)} for field in SAMPLED}
    return nr.Record(**asked, v_dt=step, **more)


def told(expected, name: str, i: int, t: float) -> dict[str, list[float]]:
    """What the oracle says of a neuron."""
    history = expected.cells[name][i].history
    past = history[bisect_right([each.t for each in history], t) - 1]
    return {
        "current": decayed(past.current, past.tau_syn, t - past.t),
        "adaptation": decayed(past.slow, past.tau_slow, t - past.t),
        "threshold": [past.threshold(t)],
    }


@pytest.mark.parametrize("kind", CASES)
@given(data=st.data())
def test_samples_are_those_of_the_oracle(kind, data):
    case = network, duration, given_ = data.draw(CASES[kind])
    note(readable(*case))
    record = everything(network, V_DT)
    found = nr.run(network, duration, inputs=for_engine(given_), clamp=clamp_of(given_), record=record)
    expected = simulate(network, duration, given_)
    wrong = []
    for name, group in expected.cells.items():
        for i in range(len(group)):
            for k, t in enumerate(found.v_times.tolist()):
                if not expected.quiet(name, i, t, margin=10 * TIME):
                    continue
                for field, values in told(expected, name, i, t).items():
                    if name not in getattr(found, field):
                        continue
                    own = np.atleast_1d(getattr(found, field)[name][k, i]).tolist()
                    assert len(own) == len(values)
                    wrong += [(t, name, i, field)] * (own != pytest.approx(values, rel=1e-8, abs=1e-8))
    if wrong:
        times = sorted({t for t, *_ in wrong})
        until = horizon(network, duration, given_, expected, noise=ROUNDING, tolerance=TIME, samples=times)
        assert times[0] >= until, wrong[0]


@pytest.mark.parametrize("kind", CASES)
@given(data=st.data(), cut=fractions(), threads=st.integers(1, 2))
def test_samples_do_not_depend_on_where_a_run_is_cut_nor_spikes_on_samples(kind, data, cut, threads):
    network, duration, given_ = data.draw(CASES[kind])
    options = {"inputs": for_engine(given_), "clamp": clamp_of(given_), "threads": threads}
    record = everything(network, V_DT)
    plain = nr.run(network, duration, **options)
    whole = nr.run(network, duration, record=record, **options)
    assert same_bits(plain, whole)
    first = nr.run(network, cut * duration, record=record, **options)
    second = nr.run(network, duration - first.stop, record=record, state=first.state, **options)
    for field in SAMPLED:
        for name, values in getattr(whole, field).items():
            parts = np.concatenate([getattr(first, field)[name], getattr(second, field)[name]])
            assert np.array_equal(parts[: len(values)], values[: len(parts)])


@given(
    rate=st.sampled_from([50.0, 900.0]),
    weight=st.sampled_from([0.1, 0.5, -0.3]),
    tau=st.sampled_from([2e-3, 5e-3]),
    wired=st.booleans(),
    bias=st.sampled_from([0.0, 0.9, 1.4]),
    own=st.booleans(),
)
def test_currents_of_arrivals_that_come_one_by_one_are_those_of_the_engine_without_windows(
    rate, weight, tau, wired, bias, own
):
    def made(delay: float | None) -> nr.Recording:
        net = nr.Network(seed=4)
        cue = net.add(nr.Population("cue", 3, nr.SpikeSource()))
        slow = {"tau_ahp": 50 * ms, "jump": 0.1} if own else {}
        model = (nr.AHP if own else nr.LIF)(tau_m=20 * ms, v_th=1.0, tau_syn=tau, bias=bias, refractory=4 * ms, **slow)
        cell = net.add(nr.Population("cell", 4, model))
        net.drive(cell, nr.PoissonInput(rate=rate, weight=weight))
        if wired:
            lags = np.linspace(1.0, 9.0, 12).reshape(3, 4) * ms
            net.connect(cue, cell, nr.Dense(np.full((3, 4), 0.4)), delay=lags)
            net.connect(cue, cell, nr.AllToAll(0.1), delay=1.5 * ms, name="one delay")
        else:
            net.connect(cue, cell, nr.AllToAll(0.0), delay=1.5 * ms)
        if delay is not None:
            net.connect(cue, cell, nr.AllToAll(0.0), delay=delay, name="at once")
        spikes = nr.Spikes(np.arange(1, 30) * 3.3 * ms, np.arange(1, 30) % 3)
        return nr.run(net, 0.1, inputs={"cue": spikes}, record=everything(net, V_DT))

    found, expected = made(None), made(0.0)
    assert found.spikes["cell"].times == pytest.approx(expected.spikes["cell"].times, abs=TIME)
    for field in SAMPLED:
        if "cell" in getattr(found, field):
            a, b = getattr(found, field)["cell"], getattr(expected, field)["cell"]
            assert a == pytest.approx(b, rel=1e-8, abs=1e-8)
    assert np.any(found.current["cell"] != 0.0)


def test_a_clocked_run_samples_what_its_steps_compute():
    dt, tau, steps = 1 * ms, 4 * ms, 150
    net = nr.Network()
    cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 2, nr.ALIF(tau_m=20 * ms, v_th=1.0, tau_syn=tau, bias=1.6, tau_adapt=30 * ms,
                                                    jump=0.25)))  # fmt: skip
    net.connect(cue, cell, nr.AllToAll(0.5), delay=dt)
    spikes = {"cue": nr.Spikes(np.array([5, 6, 40]) * dt, [0, 0, 0])}
    record = nr.Record(**{field: {"cell": [1, 0]} for field in SAMPLED})
    found = nr.run(net, steps * dt, inputs=spikes, engine="clocked", dt=dt, record=record)
    fired = np.rint(found.spikes["cell"].times[found.spikes["cell"].ids == 1] / dt).astype(int)
    assert len(fired) > 2
    x = h = 0.0
    for t in range(steps):
        x = x * (1 - dt / tau) + 0.5 * (t in (5, 6, 40))
        h = h * (1 - dt / (30 * ms)) + 0.25 * (t in fired)
        assert found.current["cell"][t, 0, 0] == pytest.approx(x, rel=1e-12, abs=1e-300)
        assert found.adaptation["cell"][t, 0, 0] == pytest.approx(h, rel=1e-12)
        assert found.threshold["cell"][t, 0] == pytest.approx(1.0 + h, rel=1e-12)


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_VALUES", 300)
    monkeypatch.setattr(chunks, "MAX_SPIKES", 64)
    monkeypatch.setattr(file_recorder, "FLUSH_VALUES", 1000)
    monkeypatch.setattr(file_recorder, "BLOCK_VALUES", 16)


LEARNS = {
    "inputs": inputs(),
    "plasticity": {"lif->lif": nr.STDP(a_plus=0.01, a_minus=0.01, tau_plus=20 * ms, tau_minus=20 * ms)},
}


def asked(**more) -> nr.Record:
    return everything(zoo(), 0.31 * ms, weights={"lif->lif": [0.0, 0.02, 0.0213, 0.15, 0.4]}, **more)


@pytest.mark.usefixtures("small_pieces")
def test_files_hold_all_samples(tmp_path):
    whole = nr.run(zoo(), DURATION, record=asked(), **LEARNS)
    assert whole.weight_times["lif->lif"].tolist() == [0.0, 0.02, 0.0213, 0.15]
    streamed = nr.run(zoo(), DURATION, record=asked(to=tmp_path / "run.h5"), **LEARNS)
    whole.save(tmp_path / "saved.h5")
    found = [streamed]
    for name in ("run.h5", "saved.h5"):
        found += [nr.load_recording(tmp_path / name, lazy=lazy) for lazy in (False, True)]
    for each in found:
        assert_same([each], whole)
        for field in (*SAMPLED, "weight_times", "sampled_weights"):
            entries = getattr(each, field)
            assert list(entries) == list(getattr(whole, field))
            for name, values in getattr(whole, field).items():
                assert np.array_equal(entries[name], values)
            with pytest.raises(UnknownName):
                entries["nobody"]


@pytest.mark.usefixtures("small_pieces")
def test_an_interrupted_run_has_the_samples_of_what_was_done(tmp_path):
    whole = nr.run(zoo(), DURATION, record=asked(), **LEARNS)
    for to in (None, tmp_path / "run.h5"):
        first = nr.run(zoo(), DURATION, record=asked(to=to), progress=stop_after(3), **LEARNS)
        found = first if to is None else nr.load_recording(to)
        assert found.interrupted
        assert 0.0 < found.stop < DURATION
        rest = nr.run(zoo(), DURATION - found.stop, record=asked(), state=first.state, **LEARNS)
        for field in (*SAMPLED, "weight_times", "sampled_weights"):
            for name, values in getattr(whole, field).items():
                parts = np.concatenate([getattr(part, field)[name] for part in (found, rest)])
                assert np.array_equal(parts, values)


def test_a_file_of_an_earlier_version_is_read(tmp_path):
    whole = nr.run(zoo(), DURATION, record=nr.Record(v={"lif": [0, 2]}), **LEARNS)
    whole.save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        assert file.attrs["neuro"] == "recording 3"
        file.attrs["neuro"] = "recording 2"
        text = '{"spikes": ["cue", "lif", "ahp", "alif", "if"], "v": ["lif"]}'
        del file["names"]
        file["names"] = np.frombuffer(text.encode(), np.uint8)
    found = nr.load_recording(tmp_path / "old.h5")
    assert_same([found], whole)
    assert not found.current
    assert nr.load_state(tmp_path / "old.h5", zoo()).time == DURATION


@pytest.mark.parametrize(
    ("record", "error", "told_"),
    [
        ({"current": {"nobody": [0]}}, UnknownName, "nobody"),
        ({"current": {"cue": [0]}}, InputError, "source of spikes has no current"),
        ({"current": {"alif": [0]}}, InputError, "inputs jump v"),
        ({"adaptation": {"lif": [0]}}, InputError, "does not adapt"),
        ({"threshold": {"lif": [6]}}, ParameterError, "Record.threshold of 'lif'"),
        ({"adaptation": {"alif": [-1]}}, ParameterError, "Record.adaptation of 'alif'"),
        ({"current": 3}, InputError, "Record.current"),
        ({"weights": {"nobody": 1e-3}}, UnknownName, "nobody"),
        ({"weights": {"lif->lif": 1e-3}}, InputError, "only weights that learn"),
        ({"weights": {"lif->lif": 0.0}}, ParameterError, "Record.weights of 'lif->lif'"),
        ({"weights": {"lif->lif": [0.2, 0.1]}}, InputError, "must increase"),
        ({"weights": {"lif->lif": [[0.1]]}}, InputError, "must increase"),
        ({"weights": {"lif->lif": "often"}}, (InputError, ParameterError), "Record.weights"),
    ],
)
def test_what_cannot_be_sampled_is_refused_by_name(record, error, told_):
    with pytest.raises(error, match=told_):
        nr.run(zoo(), 0.01, record=nr.Record(**record))


@pytest.mark.parametrize("field", [*SAMPLED[1:], "weights"])
def test_loihis_neurons_and_the_clocked_engine_refuse_what_they_do_not_sample(field):
    net = nr.Network()
    net.add(nr.Population("cell", 1, nr.LoihiLIF(d_v=100, v_th=10)))
    net.connect("cell", "cell", nr.AllToAll(0), delay=1.0)
    record = nr.Record(**{field: {"cell->cell": 1.0} if field == "weights" else {"cell": [0]}})
    with pytest.raises(UnsupportedFeature):
        nr.run(net, 3.0, engine="clocked", dt=1.0, record=record)


def test_no_neurons_give_samples_of_none():
    record = nr.Record(current={"ahp": []}, threshold={"alif": [], "lif": []}, v={"lif": [0]})
    found = nr.run(zoo(), 0.01, record=record)
    assert found.current["ahp"].shape == (10, 0, 2)
    assert found.threshold["alif"].shape == found.threshold["lif"].shape == (10, 0)


def test_trials_do_not_sample_weights():
    with pytest.raises(UnsupportedFeature, match="trials do not learn"):
        nr.run_trials(zoo(), 0.1, [{}], record=nr.Record(weights={"lif->lif": 0.1}))


def test_trials_give_the_samples_of_single_runs():
    net = zoo()
    record = everything(net, 0.31 * ms)
    trials = [{"inputs": inputs()}, {"inputs": inputs(), "clamp": clamp()}, {}]
    for found, trial in zip(nr.run_trials(net, 0.05, trials, record=record), trials, strict=True):
        alone = nr.run(net, 0.05, record=record, **trial)
        for field in SAMPLED:
            for name, values in getattr(alone, field).items():
                assert np.array_equal(getattr(found, field)[name], values)


@given(case=plastic_cases(), step=st.sampled_from([0.9e-3, 7.3e-3]), cut=fractions())
def test_sampled_weights_are_those_of_the_definition_and_change_nothing(case, step, cut):
    network, duration, _, rules = case
    plain = learned(case)
    record = nr.Record(weights=dict.fromkeys(rules, step))
    found = learned(case, record=record)
    assert same_bits(found, plain)
    twin = Twin(network, rules, {name: listed(network.projections[name], network.seed) for name in rules},
                found.spikes, duration)  # fmt: skip
    everyone = np.concatenate([spikes.times for spikes in found.spikes.values()] or [np.zeros(0)])
    for name in rules:
        assert np.array_equal(found.weights[name], plain.weights[name])
        synapses = listed(network.projections[name], network.seed)
        order = [synapses.index(each) for each in synapses_of(network, name)]
        times, weights = found.weight_times[name], found.sampled_weights[name]
        assert times.tolist() == [k * step for k in range(math.ceil(duration / step) + 1) if k * step < duration]
        for t, now in zip(times.tolist(), weights, strict=True):
            if len(set(order)) < len(order) or np.any(np.abs(everyone - t) < 1e-7) or written_near(rules[name], t):
                continue
            values = [twin.weight_at(name, k, t) for k in order]
            scale = max(map(abs, values), default=1.0)
            assert now.ravel().tolist() == pytest.approx(values, rel=1e-9, abs=1e-9 * scale)
    options = {"inputs": for_engine(case[2]), "clamp": clamp_of(case[2]), "plasticity": rules, "record": record}
    try:
        first = nr.run(network, cut * duration, **options)
        second = nr.run(network, duration - first.stop, state=first.state, **options)
    except NetworkError:
        return
    for name in rules:
        parts = np.concatenate([part.sampled_weights[name] for part in (first, second)])
        assert np.array_equal(parts, found.sampled_weights[name])


def written_near(rule, t: float) -> bool:
    return bool(rule.every) and abs(round(t / rule.every) * rule.every - t) < 1e-7


def test_weights_sampled_when_they_are_written_are_the_new_ones():
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=20 * ms, v_th=1.0)))
    net.connect("cue", "cell", nr.Dense([[2.0]]), delay=1 * ms)
    rule = nr.STDP(a_plus=0.1, a_minus=0.0, tau_plus=20 * ms, tau_minus=20 * ms, every=10 * ms)
    record = nr.Record(weights={"cue->cell": [9 * ms, 10 * ms, 11 * ms]})
    cue = {"cue": nr.Spikes([5 * ms], [0])}
    found = nr.run(net, 0.02, inputs=cue, plasticity={"cue->cell": rule}, record=record)
    before, at, after = found.sampled_weights["cue->cell"].ravel().tolist()
    assert before == 2.0 < at == after == found.weights["cue->cell"][0, 0]


def written_by_run(**more):
    """A network with a crossbar that learns, the crossbar, and a run of it that writes every 20 ms."""
    net, crossbar = on_devices()
    return net, crossbar, nr.run(net, 0.1, plasticity={"forth": PULSES}, **more)


def test_sampled_conductances_are_those_of_the_devices_at_these_times_and_change_nothing():
    _, plain, without = written_by_run()
    times = [0.0, 0.0199, 0.02, 0.0333, 0.06, 0.0999]
    record = nr.Record(conductances={"forth": times}, weights={"forth": times})
    _, crossbar, found = written_by_run(record=record)
    assert same_bits(found, without)
    assert np.array_equal(crossbar.conductance_plus, plain.conductance_plus)
    samples = found.sampled_conductances["forth"]
    assert samples.shape == (6, 2, 12, 12)
    assert found.conductance_times["forth"].tolist() == times
    for t, (plus, minus), weights in zip(times, samples, found.sampled_weights["forth"], strict=True):
        net, alone = on_devices()
        assert t > 0.0 or np.array_equal(plus, alone.conductance_plus)
        # A write at a sampled time is in the sample; a run writes what is due at its end.
        nr.run(net, t, plasticity={"forth": PULSES})
        assert np.array_equal(plus, alone.conductance_plus)
        assert np.array_equal(minus, alone.conductance_minus)
        assert np.array_equal(weights, alone.effective_weights())
    assert len(np.unique(samples[:, 0, 0], axis=0)) > 2


def test_conductances_are_sampled_through_every_projection_that_reads_the_devices_by_rows():
    net, crossbar = on_devices()
    net.connect("cell", "cell", crossbar, delay=3.5e-3, name="again")
    record = nr.Record(conductances={"forth": 30 * ms, "again": 30 * ms})
    found = nr.run(net, 0.1, plasticity={"forth": PULSES}, record=record)
    assert np.array_equal(found.sampled_conductances["forth"], found.sampled_conductances["again"])


@pytest.mark.usefixtures("small_pieces")
def test_files_and_cut_runs_hold_all_conductances(tmp_path):
    asked = {"conductances": {"forth": 7 * ms}, "weights": {"forth": 9 * ms}}
    whole = written_by_run(record=nr.Record(**asked))[2]
    whole.save(tmp_path / "saved.h5")
    found = [written_by_run(record=nr.Record(**asked, to=tmp_path / "run.h5"))[2]]
    found += [
        nr.load_recording(tmp_path / name, lazy=lazy) for name in ("run.h5", "saved.h5") for lazy in (False, True)
    ]
    fields = "sampled_conductances", "conductance_times", "sampled_weights", "weight_times"
    for each in found:
        for field in fields:
            assert np.array_equal(getattr(each, field)["forth"], getattr(whole, field)["forth"])
    with pytest.raises(UnknownName, match="conductances"):
        found[-1].sampled_conductances["nobody"]
    net, _ = on_devices()
    options = {"plasticity": {"forth": PULSES}, "record": nr.Record(**asked)}
    first = nr.run(net, 0.0437, **options)
    second = nr.run(net, 0.1 - first.stop, state=first.state, **options)
    for field in fields:
        parts = [getattr(part, field)["forth"] for part in (first, second)]
        assert np.array_equal(np.concatenate(parts), getattr(whole, field)["forth"])


def test_a_file_of_a_run_under_way_has_the_conductances_of_what_was_done(tmp_path):
    record = nr.Record(conductances={"forth": 7 * ms}, weights={"forth": 9 * ms}, to=tmp_path / "run.h5")
    whole = written_by_run(record=nr.Record(conductances={"forth": 7 * ms}))[2]
    written_by_run(record=record)
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        del file["about"]
    found = nr.load_recording(tmp_path / "run.h5")
    assert found.interrupted
    assert np.array_equal(found.sampled_conductances["forth"], whole.sampled_conductances["forth"])


@pytest.mark.parametrize(
    ("asked", "error", "told_"),
    [
        ({"nobody": 0.1}, UnknownName, "nobody"),
        ({"in->cell": 0.1}, InputError, "only conductances that learn"),
        ({"back": 0.1}, InputError, "only the devices of a crossbar"),
        ({"forth": 0.0}, ParameterError, "Record.conductances of 'forth'"),
        ({"forth": [0.2, 0.1]}, InputError, "must increase"),
        (3, InputError, "Record.conductances"),
    ],
)
def test_conductances_that_cannot_be_sampled_are_refused_by_name(asked, error, told_):
    with pytest.raises(error, match=told_):
        written_by_run(record=nr.Record(conductances=asked))


def test_neither_trials_nor_the_clocked_engine_sample_conductances():
    record = nr.Record(conductances={"forth": 0.1})
    with pytest.raises(UnsupportedFeature, match=r"Record\.conductances"):
        nr.run_trials(on_devices()[0], 0.1, [{}], record=record)
    with pytest.raises(UnsupportedFeature, match=r"Record\.conductances"):
        nr.run(on_devices()[0], 0.1, engine="clocked", dt=0.5 * ms, record=record)
