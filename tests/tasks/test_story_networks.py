"""The relational network: its deployed form fires its spikes, a story does not depend on its batch, and a small run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NeuroError, StateError
from neuro.tasks import configure, run_task
from neuro.tasks._stories import KINDS
from neuro.tasks._story_data import Encoded, encode, longest, stories

torch = pytest.importorskip("torch")

from neuro.tasks._story_deploy import DT, counts_of, deploy, inputs_of, same_spikes, trace_of  # noqa: E402
from neuro.tasks._story_network import Relational, Sizes, lstm_like, parameters_of, tensors  # noqa: E402
from neuro.tasks._story_training import Recipe, judge, learn, single_thread  # noqa: E402
from neuro.training.steps import AllSteps, Surrogate  # noqa: E402

single_thread()  # threads of torch wait for each other where cores are shared
FEW = settings(max_examples=5, deadline=None)


@st.composite
def networks(draw):
    """A small network in doubles with weights strong enough that all layers fire, and some stories of a kind."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    sentences, words = longest(kind)
    sizes = Sizes(sentences, words, cells=9, relation=7, decision=5, context=draw(st.booleans()))
    sizes = sizes._replace(alone=draw(st.booleans()), steps=draw(st.integers(1, 3)), reading=draw(st.integers(1, 6)))
    network = Relational(sizes, draw(st.integers(0, 10**6))).double()
    with torch.no_grad():
        for name in ("told", "asked", "one", "two", "ask", "next", "sum", "at_one", "next_bias", "sum_bias"):
            weight = getattr(network, name)
            weight += 0.3 + 0.7 * torch.rand(
                weight.shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99)))
            )
    found = stories(kind, 3, "train", draw(st.integers(0, 10**6)))
    return network, encode(found, sentences, words)


@FEW
@given(drawn=networks())
def test_the_deployed_network_fires_every_spike_of_the_trained_one(drawn) -> None:
    network, data = drawn
    built = deploy(network, data)
    trials = (inputs_of(built, network, data, story) for story in range(len(data.answers)))
    for story, recording in enumerate(
        nr.run_batch(built.network, built.duration, trials, dt=DT, semantics="nir-euler")
    ):
        trace = trace_of(network, data, story)
        assert same_spikes(built, trace, recording)
        counts = trace.decision[:, 0].sum(0).numpy()
        assert np.array_equal(counts_of(built, recording), counts)
        # Spikes that the trained network has not are found.
        quiet = trace._replace(decision=torch.zeros_like(trace.decision))
        assert same_spikes(built, quiet, recording) == (not counts.any())


def test_copies_share_their_weights() -> None:
    network = Relational(Sizes(4, 5, cells=3, relation=2, decision=2), seed=0)
    built = deploy(network, encode(stories(1, 2, "train", 0, level=0), 4, 5))
    for name in ("one", "two", "ask"):
        held = [p.synapses for label, p in built.network.projections.items() if label.split()[0] == name]
        assert len(held) == len(built.pairs)
        assert len({id(each.weight) for each in held}) == 1


@FEW
@given(drawn=networks())
def test_an_answer_does_not_depend_on_the_other_stories_of_a_batch(drawn) -> None:
    network, data = drawn
    together = network(*tensors(data)[:2]).detach()
    for k in range(len(data.answers)):
        alone = network(*tensors(Encoded(*(part[k : k + 1] for part in data)))[:2]).detach()
        assert torch.allclose(alone[0], together[k], rtol=0, atol=1e-12)


@given(seed=st.integers(0, 10**6))
@FEW
def test_inputs_without_weights_are_what_neurons_get(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def pass_through(weights):
        kicks = torch.tensor(start, requires_grad=True)
        cells = (torch.tensor(each) for each in (rest, gain, threshold, keep, jump))
        how = Surrogate(voltage_cost=0.1, currents=1)
        spikes, _ = AllSteps.apply(kicks, weights, torch.tensor(own), *cells, None, how)
        (spikes * torch.tensor(wanted)).sum().backward()
        return spikes.detach().numpy(), kicks.grad.numpy()

    size = 4
    start, wanted = rng.normal(0.3, 0.5, (2, 12, 3, size))
    rest, gain, threshold = np.zeros(size), rng.uniform(0.05, 0.5, size), rng.uniform(0.5, 1.5, size)
    keep, jump, own = rng.uniform(0.8, 1.0, (1, size)), rng.uniform(-0.3, 0.0, (1, size)), rng.normal(size=(size, size))
    direct, through = pass_through(None), pass_through(torch.eye(size, dtype=torch.float64))
    assert direct[0].any()
    for one, two in zip(direct, through, strict=True):
        assert np.allclose(one, two, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [1, 17])
def test_the_lstm_is_the_smallest_with_as_many_parameters(kind: int) -> None:
    network = Relational(Sizes(*longest(kind)), seed=0)
    lstm = lstm_like(network, seed=0)
    smaller = type(lstm)(lstm.cells.hidden_size - 1, seed=0)
    assert parameters_of(smaller) < parameters_of(network) <= parameters_of(lstm)


def test_a_network_learns_the_first_stories_and_the_curriculum_goes_up() -> None:
    network = Relational(Sizes(*longest(15), cells=30, relation=24, decision=16, alone=False), seed=1)
    recipe = Recipe(minutes=1.0, batches=150, rise=0.3, rate=5e-3)
    learned = learn(network, 15, recipe, seed=0)
    levels = [level for _, _, level in learned.curve]
    assert levels == sorted(levels)
    assert levels[-1] > 0
    data = encode(stories(15, 300, "validation", 0, level=0), *longest(15))
    found = judge(network, data)
    assert found.share > 0.3  # one of four words at random: 0.25, and a network that knows no words: 0.007
    assert found.spikes > 0


@pytest.mark.parametrize("kinds", ["3", "1,1", "[]"])
def test_unknown_kinds_are_refused(kinds: str) -> None:
    with pytest.raises(NeuroError, match="kinds"):
        configure("stories", overrides=[f"kinds={kinds}"])


def test_a_run_goes_on_from_the_trainings_that_it_has_finished(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "finished"
    short = [f"finished={folder}", "lstm=false", "deployed=none", "batches=2"]
    once = run_task("stories", overrides=short)
    (file,) = folder.iterdir()
    monkeypatch.setattr("neuro.tasks._story_run.learn_one", lambda job: pytest.fail(f"{job} was trained again"))
    again = run_task("stories", overrides=[*short, "workers=1"])
    assert again.metrics == once.metrics
    assert again.tables == once.tables
    file.write_text(file.read_text()[:-9])
    with pytest.raises(StateError, match=file.name):
        run_task("stories", overrides=short)
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        run_task("stories", overrides=[*short[:-1], "batches=3"])


def test_the_small_run_deploys_and_prices_its_network(tmp_path) -> None:
    report = run_task("stories", out=tmp_path / "report")
    found = report.metrics
    assert found["deployed/same"] == found["deployed/same_answers"] == found["deployed/stories"] == 3
    assert {"task15/spiking", "task15/lstm", "task15/spikes", "task15/spiking/minutes"} <= set(found)
    assert found["task15/lstm/parameters"] >= found["task15/spiking/parameters"]
    costs = report.energy["task15/spiking"]
    parts = [value for name, value in costs.items() if name.startswith("joules/") and not name.endswith("est")]
    assert sum(parts) == pytest.approx(costs["joules"])
    assert costs["joules/lowest"] < costs["joules"] < costs["joules/highest"]
    assert (tmp_path / "report" / "learning.png").is_file()
