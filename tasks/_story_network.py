"""The relational network of spiking neurons for stories, and an LSTM to compare it with, as modules of torch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neuro.randomness import stream
from neuro.tasks._story_data import WORDS, Encoded
from neuro.training.library import import_torch
from neuro.training.steps import AllSteps, Surrogate

torch = import_torch()


class Sizes(NamedTuple):
    """What a network is made of, and how its neurons are; times in steps, potentials in units of the threshold."""

    sentences: int
    """The most sentences of a story."""
    words: int
    """The most words of a sentence, and of a question."""
    cells: int = 100
    """AHP neurons that read a sentence."""
    relation: int = 128
    """LIF neurons in each of the two layers of a pair."""
    decision: int = 64
    """LIF neurons that hear all pairs."""
    steps: int = 2
    """Steps of a word."""
    reading: int = 6
    """Steps after the last word, with a current that asks for an answer; only these reach the next layer."""
    context: bool = False
    """Does a sentence's network read the sentence before as well?"""
    alone: bool = True
    """Is there a pair of each sentence with itself?"""
    tau: float = 10.0
    """Membrane time constant."""
    slow: tuple[float, float] = (10.0, 80.0)
    """Time constants of the AHP currents are spread between these."""
    jump: float = 0.2
    """What a spike adds to an AHP current."""
    cost: tuple[float, float] = (1e-3, 3e-4)
    """Weight of the penalty on potentials: of the neurons that read, and of the others."""


class Cells(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Neurons that get what each is to get in a step, (steps, rows, neurons), and give spikes of that shape."""

    def __init__(self, count: int, sizes: Sizes, height: float, cost: float, slow: Any = None) -> None:
        super().__init__()
        modes = 0 if slow is None else 1
        tau = np.ones((0, count)) if slow is None else slow[None]
        self.register_buffer("gain", torch.full((count,), 1.0 / sizes.tau))
        self.register_buffer("keep", torch.tensor(1.0 - 1.0 / tau, dtype=torch.float32))
        self.register_buffer("jump", torch.full((modes, count), -sizes.jump))
        self.how = Surrogate(height=height, voltage_cost=cost, currents=modes)

    def forward(self, kicks: Any, recurrent: Any = None) -> Any:
        """Spikes; `recurrent` are the weights between these neurons, heard in the next step."""
        rest, threshold = torch.zeros_like(self.gain), torch.ones_like(self.gain)
        cells = rest, self.gain, threshold, self.keep, self.jump
        spikes, _ = AllSteps.apply(kicks, None, recurrent, *cells, None, self.how)
        return spikes


class Trace(NamedTuple):
    """Spikes of a batch, each (steps, rows, neurons); sentences and pairs that a story has not have no rows."""

    sentences: Any
    question: Any
    first: Any
    second: Any
    decision: Any
    sentence_rows: Any
    """(rows, 2): story and sentence."""
    pair_rows: Any
    """(rows, 3): story, first sentence and second sentence."""

    @property
    def total(self) -> float:
        """Number of all spikes."""
        layers = self.sentences, self.question, self.first, self.second, self.decision
        return float(sum(each.detach().sum() for each in layers))


class Relational(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Answers questions about stories with spikes.

    One network of AHP neurons reads the question's words and then a sentence's, the same for every sentence; another
    reads the question. Then LIF neurons hear each pair of sentences with the question, in two layers that are the same
    for every pair; the last layer hears the sum over all pairs, and its spikes are counted. A word is a kick that lasts
    some steps, with a factor of each neuron for the place of the word.
    """

    def __init__(self, sizes: Sizes, seed: int) -> None:
        super().__init__()
        self.sizes = sizes
        rng = stream(seed, "stories", "weights")
        n, g, f, told = sizes.cells, sizes.relation, sizes.decision, sizes.sentences
        places = sizes.words * (3 if sizes.context else 2)

        def weights(*shape: int, scale: float) -> Any:
            return torch.nn.Parameter(torch.tensor(rng.normal(0.0, scale, shape), dtype=torch.float32))

        slow = np.exp(rng.uniform(*np.log(sizes.slow), n))
        self.told = weights(len(WORDS) + 1, n, scale=0.35)
        self.asked = weights(len(WORDS) + 1, n, scale=0.35)
        self.told_place, self.asked_place = weights(places, n, scale=0.5), weights(sizes.words, n, scale=0.1)
        self.told_cue = torch.nn.Parameter(torch.full((n,), 0.25))
        self.asked_cue = torch.nn.Parameter(torch.full((n,), 0.25))
        self.told_own, self.asked_own = weights(n, n, scale=0.7 / n**0.5), weights(n, n, scale=0.7 / n**0.5)
        self.one, self.two, self.ask = (weights(n, g, scale=n**-0.5) for _ in range(3))
        self.at_one, self.at_two, self.apart = (weights(told, g, scale=0.1) for _ in range(3))
        self.next, self.sum = weights(g, g, scale=1.3 * g**-0.5), weights(g, f, scale=2.0 / told * g**-0.5)
        self.next_bias, self.sum_bias = torch.nn.Parameter(torch.zeros(g)), torch.nn.Parameter(torch.zeros(f))
        self.answer = torch.nn.Linear(f, len(WORDS) + 1)
        with torch.no_grad():
            self.answer.weight[:] = weights(len(WORDS) + 1, f, scale=0.6 * f**-0.5)
            self.answer.bias.zero_()
        self.reader = Cells(n, sizes, 0.3, sizes.cost[0], slow)
        self.relation = Cells(g, sizes, 0.5, sizes.cost[1])
        self.decision = Cells(f, sizes, 0.5, sizes.cost[1])

    def forward(self, told: Any, asked: Any) -> Any:
        """Scores (stories, words + 1) for sentences (stories, sentences, words) and questions (stories, words)."""
        return self.scores(self.trace(told, asked))

    def scores(self, trace: Trace) -> Any:
        """Scores from the counts of the last layer."""
        return self.answer(trace.decision.mean(0))

    def trace(self, told: Any, asked: Any) -> Trace:
        """The spikes of sentences and question in all steps, and of the other layers while an answer is asked for."""
        stories, most = told.shape[:2]
        there = told[:, :, -1] > 0
        rows = there.nonzero()
        read = [asked[rows[:, 0]], told[rows[:, 0], rows[:, 1]]]
        if self.sizes.context:
            before = told[rows[:, 0], (rows[:, 1] - 1).clamp(min=0)] * (rows[:, 1:] > 0)
            read.insert(1, before)
        kicks = self.kicks(torch.cat(read, 1), self.told, self.told_place, self.told_cue)
        sentences = self.reader(kicks, self.told_own)
        question = self.reader(self.kicks(asked, self.asked, self.asked_place, self.asked_cue), self.asked_own)
        pairs = self._pairs(rows, stories, most, int(there.sum(1).max()))
        first = self.relation(self._relate(sentences, question, rows, pairs))
        second = self.relation(_times(first, self.next) + self.next_bias)
        summed = self._sum(_times(second, self.sum), pairs[0], stories)
        decision = self.decision(summed + self.sum_bias)
        pair_rows = torch.stack([pairs[0], rows[pairs[1], 1], rows[pairs[2], 1]], 1)
        return Trace(sentences, question, first, second, decision, rows, pair_rows)

    def kicks(self, words: Any, weights: Any, place: Any, cue: Any) -> Any:
        """What the words of each row, (rows, words), give each neuron in each step, and the cue after them."""
        here = words.t()
        each = torch.nn.functional.embedding(here, weights) * (1.0 + place[:, None]) * (here > 0)[..., None]
        return torch.cat([each.repeat_interleave(self.sizes.steps, 0), cue.expand(self.sizes.reading, len(words), -1)])

    def _pairs(self, rows: Any, stories: int, most: int, told: int) -> tuple[Any, Any, Any]:
        """Story, and rows of the first and the second sentence, of each pair; the second may be the first."""
        where = torch.full((stories, most), -1)
        where[rows[:, 0], rows[:, 1]] = torch.arange(len(rows))
        one, two = torch.triu_indices(told, told, 0 if self.sizes.alone else 1)
        ones, twos = where[:, one], where[:, two]
        story, pair = ((ones >= 0) & (twos >= 0)).nonzero().t()
        return story, ones[story, pair], twos[story, pair]

    def _relate(self, sentences: Any, question: Any, rows: Any, pairs: tuple[Any, Any, Any]) -> Any:
        """What the first layer of each pair gets: by both sentences, the question, and where the sentences stand."""
        story, one, two = pairs
        at = rows[:, 1]
        ones = _times(sentences[-self.sizes.reading :], self.one) + self.at_one[at]
        twos = _times(sentences[-self.sizes.reading :], self.two) + self.at_two[at]
        asked = _times(question[-self.sizes.reading :], self.ask)
        kicks = ones.index_select(1, one) + twos.index_select(1, two)
        return kicks + asked.index_select(1, story) + self.apart.index_select(0, at[two] - at[one])

    def _sum(self, each: Any, story: Any, stories: int) -> Any:
        """The sum over the pairs of each story."""
        return each.new_zeros((len(each), stories, each.shape[2])).index_add(1, story, each)


def _times(spikes: Any, weights: Any) -> Any:
    """A matrix product for each row of each step."""
    steps, rows, size = spikes.shape
    return (spikes.reshape(-1, size) @ weights).view(steps, rows, -1)


class Lstm(torch.nn.Module):  # type: ignore[misc,name-defined]
    """An LSTM that reads all words of a story and its question; the answer is read from its last state."""

    def __init__(self, hidden: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.words = torch.nn.Embedding(len(WORDS) + 1, 32)
            self.cells = torch.nn.LSTM(32, hidden, batch_first=True)
            self.answer = torch.nn.Linear(hidden, len(WORDS) + 1)

    def forward(self, told: Any, asked: Any) -> Any:
        """Scores, as those of `Relational`."""
        words = torch.cat([told.flatten(1), asked], 1)
        count = (words > 0).sum(1)
        order = (words == 0).long().argsort(stable=True, dim=1)
        states, _ = self.cells(self.words(words.gather(1, order)[:, : int(count.max())]))
        return self.answer(states[torch.arange(len(words)), count - 1])

    def operations(self, words: float) -> float:
        """Multiplications for a question with so many words, its story's included, at batch size 1."""
        hidden, inputs = self.cells.hidden_size, self.cells.input_size
        return float(words * 4 * hidden * (inputs + hidden) + hidden * self.answer.out_features)


def parameters_of(module: Any) -> int:
    """How many numbers a module learns."""
    return sum(each.numel() for each in module.parameters())


def lstm_like(network: Relational, seed: int) -> Lstm:
    """The smallest LSTM with at least as many parameters as a network."""
    hidden, wanted = 1, parameters_of(network)
    per_word = 32 * (len(WORDS) + 1) + len(WORDS) + 1
    while per_word + 4 * hidden * (32 + hidden + 2) + hidden * (len(WORDS) + 1) < wanted:
        hidden += 1
    return Lstm(hidden, seed)


def tensors(data: Encoded) -> tuple[Any, Any, Any]:
    """Sentences, questions and answers as tensors."""
    return torch.from_numpy(data.sentences), torch.from_numpy(data.questions), torch.from_numpy(data.answers)
