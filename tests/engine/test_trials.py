"""Laws of trials: each has the bits of a run by itself, in order, whatever the workers, batches and buffers."""

import threading

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.drive.inputs import schedule
from neuro.engine.trials import buffers, run
from neuro.engine.trials.schedules import Schedules
from neuro.errors import InputError, NetworkError, ParameterError, StateError, UnknownName, UnsupportedFeature
from neuro.learning.clamp import AppliedClamp
from tests.engine.agreement import clamp_of, everything, for_engine, same_bits
from tests.engine.zoo import clamp, inputs, zoo
from tests.engine.zoo import everything as zoo_record
from tests.strategies import small_networks

DURATION = 0.03
HIGH = 2e4
"""Hz; a network in which a neuron fires as often is left out."""
PROGRAM = nr.build(zoo())
WHOLE = nr.run(PROGRAM, 0.0213, inputs=inputs(), clamp=clamp())


def alone(program, duration, trial, record=None, state=None, **options):
    """A trial by `run`: its recording, or a tuple of it and those that go on from its end."""
    rest = {key: value for key, value in trial.items() if key not in ("then", "bias", "duration", "state")}
    biased = program.with_bias(trial["bias"]) if "bias" in trial else program
    length, begin = trial.get("duration", duration), trial.get("state", state)
    recording = nr.run(biased, length, record=record, state=begin, **rest, **options)
    branches = [alone(program, duration, each, record, recording.state, **options) for each in trial.get("then", ())]
    return (recording, *branches) if branches else recording


def assert_same_results(found, expected):
    """Do two recordings, or tuples of recordings, agree to the last bit? Then so do runs that go on from them."""
    if isinstance(expected, tuple):
        assert isinstance(found, tuple)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert_same_results(a, b)
        return
    assert (found.start, found.stop) == (expected.start, expected.stop)
    assert same_bits(found, expected)
    assert np.array_equal(found.v_times, expected.v_times)
    assert dict(found.events) == dict(expected.events)
    assert found.provenance["seed"] == expected.provenance["seed"]


def kinds_of_trials():
    """One trial of every kind, for the zoo."""
    rng = np.random.default_rng(3)
    push = nr.Current([2e-3, 9e-3], rng.normal(0.3, 0.2, (2, 6)))
    held = AppliedClamp(forced={"lif": (np.array([0, 3]), nr.Spikes([5e-3, 0.05], [3, 0]))})
    pushed = AppliedClamp(currents={"alif": nr.Current([0.0], [[0.5, -0.5, 1.0]])})
    branches = [{"clamp": held}, {"inputs": {"lif": push}, "then": [{"seed": 5}, {"clamp": clamp()}]}, {}]
    return [
        {},
        {"inputs": inputs()},
        {"inputs": {"cue": nr.Spikes([1e-3, 2e-3], [0, 3])}},
        {"inputs": {"lif": push}, "seed": 7},
        {"inputs": {"lif": [push, nr.Current(0.0, 0.1)], "alif": push_of(3)}},
        {"clamp": held},
        {"clamp": pushed, "inputs": inputs()},
        {"bias": {"lif": rng.uniform(0.9, 1.5, 6), "ahp": 1.4}},
        {"bias": {"if": [50.0, 10.0, 90.0]}, "clamp": held, "inputs": inputs()},
        {"duration": 0.0},
        {"duration": 0.0071, "inputs": inputs()},
        {"state": WHOLE.state},
        {"state": WHOLE.state, "clamp": clamp(), "inputs": inputs()},
        {"state": WHOLE.state, "clamp": held, "bias": {"lif": 1.2}},
        {"inputs": inputs(), "clamp": held, "then": branches},
        {"state": WHOLE.state, "clamp": clamp(), "inputs": inputs(), "then": branches},
        {"bias": {"alif": 1.3}, "then": branches},
    ]


def push_of(size):
    return nr.Current([0.0, 4e-3, 11e-3], np.linspace(-0.2, 0.4, 3 * size).reshape(3, size))


@pytest.fixture
def small_buffers(monkeypatch):
    """Batches, outputs and calendars that are too small for most trials."""
    monkeypatch.setattr(buffers, "FIRST_ROOM", 8)
    monkeypatch.setattr(buffers, "USUAL_ROOM", 16)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_trials_of_every_kind_have_the_bits_of_single_runs(workers):
    trials = kinds_of_trials()
    found = list(nr.run_trials(PROGRAM, DURATION, 3 * trials, workers=workers, record=zoo_record()))
    expected = [alone(PROGRAM, DURATION, trial, zoo_record()) for trial in trials]
    assert sum(len(spikes) for spikes in expected[1].spikes.values()) > 20
    for a, b in zip(found, 3 * expected, strict=True):
        assert_same_results(a, b)


@pytest.mark.usefixtures("small_buffers")
def test_trials_that_outgrow_their_buffers_have_the_same_bits():
    trials = kinds_of_trials()
    for a, trial in zip(nr.run_trials(PROGRAM, DURATION, trials, record=zoo_record()), trials, strict=True):
        assert_same_results(a, alone(PROGRAM, DURATION, trial, zoo_record()))


ANY_NETWORK = small_networks(whole=True, more=True) | small_networks(whole=True, more=True, instant=True)


@given(case=ANY_NETWORK, data=st.data())
def test_trials_of_any_network_have_the_bits_of_single_runs(case, data):
    network, duration, given_ = case
    program = nr.build(network)
    whole, record = {"inputs": for_engine(given_), "clamp": clamp_of(given_)}, everything(network)
    cut = data.draw(st.just(0.0) | st.floats(1e-9, 1.0)) * duration
    then = [whole, {}, {"inputs": whole["inputs"], "then": [whole]}]
    trials = [
        whole,
        {},
        {**whole, "duration": cut, "then": then},
        {**whole, "seed": 3},
        {"duration": cut, "then": then},
    ]
    try:
        expected = [alone(program, duration, trial, record, max_rate=HIGH) for trial in trials]
    except NetworkError:
        reject()  # drawn to be quiet with its inputs and for its duration; not without them, or later
    found = nr.run_trials(program, duration, trials, workers=data.draw(st.sampled_from([1, 2])), record=record)
    for a, b in zip(found, expected, strict=True):
        assert_same_results(a, b)


def test_a_run_goes_on_from_the_state_of_a_trial():
    trials = kinds_of_trials()
    flat = [r[0] if isinstance(r, tuple) else r for r in nr.run_trials(PROGRAM, DURATION, trials)]
    for recording, trial in zip(flat, trials, strict=True):
        single = alone(PROGRAM, DURATION, {key: trial[key] for key in trial if key != "then"})
        for clamped in (None, clamp()):
            on = [nr.run(PROGRAM, 0.02, state=each.state, clamp=clamped) for each in (recording, single)]
            assert_same_results(*on)


def test_trials_start_from_the_common_state_and_other_weights():
    other = nr.build(zoo(weight=0.1))
    for state in (WHOLE.state, nr.run(other, 0.01, inputs=inputs()).state):
        trials = [{}, {"inputs": inputs()}, {"clamp": clamp()}]
        for a, trial in zip(nr.run_trials(PROGRAM, DURATION, trials, state=state), trials, strict=True):
            assert_same_results(a, alone(PROGRAM, DURATION, trial, state=state))


@given(data=st.data())
def test_schedules_of_trials_are_those_of_runs(data):
    start, length = data.draw(st.sampled_from([0.0, 2e-3, 9e-3])), data.draw(st.sampled_from([0.0, 5e-3, 0.03]))
    program = PROGRAM.with_bias({"ahp": 0.3}) if data.draw(st.booleans()) else PROGRAM
    trial = data.draw(st.sampled_from(kinds_of_trials()))
    arguments = trial.get("inputs"), trial.get("clamp"), start, start + length, 0
    for a, b in zip(Schedules(PROGRAM).of(program, *arguments), schedule(program, *arguments), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def flat_results(results):
    return [each for result in results for each in (flat_results(result) if isinstance(result, tuple) else [result])]


@pytest.mark.parametrize("workers", [1, 2])
def test_counts_are_those_of_the_recordings(workers):
    windows = [(0.0, 7e-3), (5e-3, 21e-3), (11e-3, np.inf)]
    trials = kinds_of_trials()
    recordings = flat_results(nr.run_trials(PROGRAM, DURATION, trials))
    ask = {"several": nr.Counts(window=windows), "one": nr.Counts(window=windows[1]), "all": nr.Counts()}
    found = {
        key: flat_results(nr.run_trials(PROGRAM, DURATION, trials, workers=workers, record=request))
        for key, request in ask.items()
    }
    for k, recording in enumerate(recordings):
        for name, spikes in recording.spikes.items():
            size = PROGRAM.network.populations[name].size
            parts = [spikes.window(recording.start + a, recording.start + b).counts(size) for a, b in windows]
            assert found["several"][k][name].tolist() == np.array(parts).tolist()
            assert found["one"][k][name].tolist() == parts[1].tolist()
            assert found["all"][k][name].tolist() == spikes.counts(size).tolist()


def test_traces_are_sums_of_decaying_exponentials():
    tau, at = 7e-3, np.array([0.0, 4e-3, 4.1e-3, 0.03])
    trials = kinds_of_trials()
    recordings = flat_results(nr.run_trials(PROGRAM, DURATION, trials))
    found = flat_results(nr.run_trials(PROGRAM, DURATION, trials, record=nr.Traces(tau, at, populations=["lif"])))
    for recording, traces in zip(recordings, found, strict=True):
        assert list(traces) == ["lif"]
        spikes = recording.spikes["lif"]
        for t, row in zip(recording.start + at, traces["lif"], strict=True):
            before = spikes.window(0.0, t)
            expected = np.bincount(before.ids, np.exp((before.times - t) / tau), minlength=6)
            assert row == pytest.approx(expected, rel=1e-12, abs=1e-300)


def trials_of_forms(data):
    """Some trials of few forms, in any order, with numbers of their own: currents, nudges, branches."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    own, moments = data.draw(st.booleans()), data.draw(st.sampled_from([[0.0], [0.0, 4e-3], [3e-3, 9e-3, 0.03], [0.5]]))
    duration = data.draw(st.sampled_from([None, 0.0, 0.0113, 0.02]))

    def numbers(form):
        drive = rng.normal(0.3, 0.3, (len(moments), 6))
        inputs = {"lif": nr.Current(moments, drive), "alif": nr.Current(moments, drive[:, 0])}
        constant = {"lif": inputs["lif"], "if": nr.Current([0.0], rng.normal(50.0, 20.0, (1, 3)))}
        nudges = [nr.Nudge("if", rng.uniform(0.0, 9.0, 3), strength) for strength in (3.0, -3.0)]
        branch = {"duration": 0.0121, "inputs": constant if own else inputs}
        return [
            {"inputs": inputs},
            {"inputs": inputs, "then": [{"inputs": inputs}, {"duration": duration}]},
            {"inputs": constant, "then": [{**branch, "nudge": nudge} for nudge in nudges]},
            {"duration": duration, "then": [{"then": [{"inputs": constant}]}]},
            {},
        ][form]

    forms = data.draw(st.lists(st.sampled_from([0, 1, 2, 2, 2, 3, 4, 4]), min_size=2, max_size=9))
    return [numbers(form) for form in forms]


def is_nudged(trial):
    return any("nudge" in each for each in trial.get("then", ()))


@pytest.mark.parametrize("room", [8, 1 << 14])
@given(data=st.data())
def test_trials_that_differ_in_numbers_alone_have_the_results_of_each_by_itself(data, room):
    asked = data.draw(
        st.sampled_from([nr.Counts(), nr.Counts(window=[(2e-3, 0.01), (0.0, 1.0)]), nr.Traces(5e-3, 0.02)])
    )
    trials = [each for each in trials_of_forms(data) if isinstance(asked, nr.Counts) or not is_nudged(each)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "FIRST_ROOM", room)
        found = list(nr.run_trials(PROGRAM, DURATION, trials, workers=data.draw(st.integers(1, 2)), record=asked))
    expected = [next(nr.run_trials(PROGRAM, DURATION, [each], record=asked)) for each in trials]
    for a, b in zip(found, expected, strict=True):
        for one, other in zip(flat_results([a]), flat_results([b]), strict=True):
            assert {name: rows.tolist() for name, rows in one.items()} == {
                n: rows.tolist() for n, rows in other.items()
            }


def test_who_gives_trials_may_use_an_array_again():
    values, target = np.zeros((1, 3)), np.zeros(3)

    def trials():
        for k in range(6):
            values[:], target[:] = 20.0 * k, k
            nudge = nr.Nudge("if", target, 4.0)
            yield {"inputs": {"if": nr.Current([0.0], values)}, "then": [{"nudge": nudge}]}

    found = flat_results(nr.run_trials(PROGRAM, DURATION, trials(), record=nr.Counts()))
    expected = [each for trial in trials() for each in nr.run_trials(PROGRAM, DURATION, [trial], record=nr.Counts())]
    assert [each["if"].tolist() for each in found] == [each["if"].tolist() for each in flat_results(expected)]
    assert len({tuple(each["if"]) for each in found}) > 3


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_among_trials_of_one_form_names_its_trial(workers):
    trials = [{"inputs": {"if": nr.Current(0.0, push)}} for push in (10.0, 20.0, 1e9, 30.0)]
    results = nr.run_trials(PROGRAM, 0.01, trials, workers=workers, record=nr.Counts())
    assert [len(next(results)["if"]) for _ in range(2)] == [3, 3]
    with pytest.raises(NetworkError, match=r"trial 2, .*may fire at most"):
        next(results)


def test_trials_are_read_a_little_ahead_of_the_results(monkeypatch):
    monkeypatch.setattr(run, "MOST_TRIALS", 4)
    read = []

    def endless():
        while True:
            read.append(None)
            yield {}

    for workers in (1, 2):
        read.clear()
        results = nr.run_trials(PROGRAM, 0.001, endless(), workers=workers)
        for taken in range(1, 20):
            next(results)
            assert len(read) <= taken + 4 * (workers + 2)
        results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("neuro-trials")]


def crossbar_network(device=None):
    rng = np.random.default_rng(1)
    net = nr.Network()
    net.add(nr.Population("cue", 4, nr.SpikeSource()))
    net.add(nr.Population("cell", 5, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.4)))
    crossbar = nr.Crossbar(rng.normal(0.0, 0.2, (4, 5)), device=device, reading=nr.Reading(voltage=0.2, duration=1e-8))
    net.connect("cue", "cell", crossbar, delay=1e-3)
    return net, crossbar


def test_the_reads_of_crossbars_are_counted_as_by_single_runs():
    trials = [{"inputs": {"cue": nr.Spikes(np.linspace(1e-3, 0.02, 9), np.arange(9) % k)}} for k in (1, 2, 4)]
    trials[1]["then"] = [{"inputs": {"cue": nr.Spikes([0.031, 0.032], [0, 1])}}, {}]
    (one, single), (many, together) = crossbar_network(), crossbar_network()
    for trial in trials:
        alone(nr.build(one), DURATION, trial)
    list(nr.run_trials(nr.build(many), DURATION, trials, record=nr.Counts("cell")))
    assert together.ledger.as_dict() == single.ledger.as_dict()
    assert together.ledger.joules == pytest.approx(dict(single.ledger.joules), rel=1e-12)
    assert single.ledger.as_dict()["row_reads"] > 0


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"inputs": {"lif": nr.Spikes([1e-3], [0])}}, InputError, "this population takes a Current"),
        ({"inputs": {"who": nr.Current(0.0, 1.0)}}, UnknownName, "no population of this network is called 'who'"),
        ({"inputs": {"cue": nr.Spikes([1e-3], [4])}}, InputError, r"ids must lie in 0\.\.3"),
        ({"inputs": {"lif": nr.Current(0.0, np.ones((1, 7)))}}, InputError, "one column for each"),
        ({"inputs": 3}, InputError, "inputs by population"),
        ({"seed": -1}, ParameterError, "whole number"),
        ({"state": 3}, StateError, "must be a state of the exact engine"),
        ({"plasticity": {}}, UnsupportedFeature, "do not learn"),
        ({"clamps": None}, UnknownName, "argument of a trial"),
        ({"then": {}}, InputError, "list of the runs"),
        ({"then": [{"state": WHOLE.state}]}, UnknownName, "argument of a trial"),
        ({"bias": {"if": 1e30}}, NetworkError, "by its bias alone"),
        ({"inputs": {"if": nr.Current(0.0, 1e9)}}, NetworkError, "may fire at most"),
        ({"inputs": {"if": nr.Current(0.0, 1e9)}, "then": [{}]}, NetworkError, "may fire at most"),
        (3, InputError, "a trial is a mapping"),
    ],
)
def test_an_error_names_its_trial_after_the_results_before_it(wrong, error, text, workers):
    results = nr.run_trials(PROGRAM, 0.01, [{}, {"inputs": inputs()}, wrong, {}], workers=workers)
    assert [len(next(results).spikes) for _ in range(2)] == [5, 5]
    with pytest.raises(error, match=f"trial 2, .*{text}"):
        next(results)


def test_what_trials_cannot_give_is_refused_at_once(tmp_path):
    with pytest.raises(UnsupportedFeature, match="not written to a file"):
        nr.run_trials(PROGRAM, 0.01, [], record=nr.Record(to=tmp_path / "x.h5"))
    with pytest.raises(InputError, match="Record, Counts or Traces"):
        nr.run_trials(PROGRAM, 0.01, [], record="spikes")
    with pytest.raises(UnknownName, match="lof"):
        nr.run_trials(PROGRAM, 0.01, [], record=nr.Counts("lof"))
    with pytest.raises(ParameterError, match="workers"):
        nr.run_trials(PROGRAM, 0.01, [], workers=0)
    with pytest.raises(InputError, match="a Network or a Program"):
        nr.run_trials(nr.build_clocked(zoo(), dt=1e-4), 0.01, [])
    for window in ((2.0, 1.0), 3.0, [(0.0, 1.0, 2.0)]):
        with pytest.raises(ParameterError, match=r"Counts\.window"):
            nr.Counts(window=window)
    for at in ([2.0, 1.0], -1.0, [[1.0]]):
        with pytest.raises(ParameterError, match=r"Traces\.at"):
            nr.Traces(1.0, at)


@pytest.mark.parametrize("workers", [1, 2])
def test_after_an_interrupt_the_results_that_are_ready_come_first(workers, monkeypatch):
    monkeypatch.setattr(run, "MOST_TRIALS", 2)

    def interrupted():
        yield from ({} for _ in range(5))
        raise KeyboardInterrupt

    results = nr.run_trials(PROGRAM, 0.01, interrupted(), workers=workers)
    taken = [next(results) for _ in range(5)]
    assert [recording.stop for recording in taken] == [0.01] * 5
    with pytest.raises(KeyboardInterrupt):
        next(results)


def test_progress_counts_trials():
    told = []
    list(nr.run_trials(PROGRAM, 0.001, [{}] * 20, progress=lambda *args: told.append(args)))
    assert told[-1] == (20, 20, "simulating trials")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
