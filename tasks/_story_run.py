"""One run of the stories task: a network learns stories of a kind, is judged, and is deployed and priced."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

import neuro as nr
from neuro.errors import ParameterError, StateError
from neuro.files.reading import read_json
from neuro.files.writing import write_text
from neuro.tasks._stories import KINDS
from neuro.tasks._story_data import Encoded, longest

EASY = (1, 6, 7, 12, 15)
"""Kinds that are learned in `minutes`; the others get `long_minutes`."""
SIZES: dict[int, dict[str, Any]] = {11: {"context": True}, 15: {"alone": False}}
"""What a kind needs that the others do not; see docs/stories.md."""
RECIPES: dict[int, dict[str, Any]] = {18: {"easier": 0.25}}
CHIP, DIGITAL = "loihi_davies2018", "digital_mac"


class Config(BaseModel):
    """Settings of the stories task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="root of the random draws; seeds count on from it")
    seeds: int = Field(3, ge=1, description="networks that are trained for each kind")
    kinds: tuple[int, ...] = Field(tuple(KINDS), min_length=1, description="kinds of stories, by number")
    minutes: float = Field(2.0, gt=0, description="processor minutes of training for kinds 1, 6, 7, 12 and 15")
    long_minutes: float = Field(4.0, gt=0, description="processor minutes of training for the other kinds")
    lstm: bool = Field(True, description="train an LSTM of as many parameters on the same stories, in the same time")
    part: Literal["validation", "test"] = Field("test", description="stories that are answered after training")
    stories: int = Field(2000, ge=1, description="how many of them")
    batches: int | None = Field(None, ge=1, description="batches at most; None: as many as fit into the minutes")
    cells: int = Field(100, ge=1, description="AHP neurons that read a sentence")
    relation: int = Field(128, ge=1, description="LIF neurons in each layer of a pair")
    decision: int = Field(64, ge=1, description="LIF neurons that hear all pairs")
    deployed: int | None = Field(15, description="kind whose first network is deployed; None: none")
    deployed_stories: int = Field(2000, ge=1, description="stories that the deployed network answers")
    priced: int = Field(20, ge=1, description="stories whose joules are counted")
    workers: int = Field(1, ge=0, description="processes; 0: one for each core")
    finished: str = Field(
        "", description="folder that keeps what each training came to; with the same settings, a run goes on from there"
    )

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[int, ...]) -> tuple[int, ...]:
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown or len(set(kinds)) < len(kinds):
            raise ValueError(f"kinds must be different ones of {', '.join(map(str, KINDS))}")
        return kinds


class Outcome(NamedTuple):
    """What came of one network."""

    kind: int
    model: str
    seed: int
    right: float
    """Share of right answers."""
    minutes: float
    """Processor minutes of training."""
    batches: int
    parameters: int
    curve: tuple[tuple[float, float, int], ...]
    """Processor minutes, running share of right answers, and level."""
    spikes: float
    rates: dict[str, float]
    """Spikes of a neuron in a step, by layer."""
    cost: dict[str, float]
    """Of the deployed network: stories, how many had the same spikes and answers, joules and so on; of an LSTM:
    multiplications and joules of a question."""


def learn_or_load(job: tuple[Config, int, str, int]) -> Outcome:
    """`learn_one`, unless the folder `finished` has what came of this training with the same settings.

    Raises
    ------
    StateError
        If its file there is damaged.
    """
    config, kind, model, seed = job
    if not config.finished:
        return learn_one(job)
    deciding = config.model_dump(exclude={"seeds", "kinds", "lstm", "workers", "finished"})
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]
    path = Path(config.finished) / f"kind{kind:02}-{model}-{seed}-{digest}.json"
    if path.exists():
        try:
            found = Outcome(**read_json(path, StateError, "what came of a training"))
            return found._replace(curve=tuple((each[0], each[1], each[2]) for each in found.curve))
        except (LookupError, TypeError) as problem:
            raise StateError("must be what a training of this task came to", where=path.name) from problem
    found = learn_one(job)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(found._asdict(), allow_nan=False))
    return found


def learn_one(job: tuple[Config, int, str, int]) -> Outcome:
    """Train one network on one kind, then look at the test stories, once."""
    from neuro.tasks._story_network import Relational, Sizes, lstm_like, parameters_of
    from neuro.tasks._story_training import Recipe, held_out, judge, learn, single_thread

    single_thread()
    config, kind, model, seed = job
    sentences, words = longest(kind)
    sizes = Sizes(sentences, words, config.cells, config.relation, config.decision, **SIZES.get(kind, {}))
    spiking = Relational(sizes, seed)
    network: Any = lstm_like(spiking, seed) if model == "lstm" else spiking
    minutes = config.minutes if kind in EASY else config.long_minutes
    learned = learn(network, kind, Recipe(minutes, batches=config.batches, **RECIPES.get(kind, {})), seed)
    data = held_out(kind, config.stories, config.part)
    judged = judge(network, data)
    cost: dict[str, float] = {}
    if model == "lstm":
        operations = network.operations(_words(data))
        cost = {"operations": operations, "joules": digital_joules(operations)}
    elif kind == config.deployed and seed == config.seed:
        cost = _deployed(config, network, data)
    return Outcome(
        kind, model, seed, judged.share, learned.minutes, learned.batches, parameters_of(network), learned.curve,
        judged.spikes, judged.rates, cost,
    )  # fmt: skip


def _words(data: Encoded) -> float:
    """Mean number of words of a story and its question."""
    return float(((data.sentences > 0).sum((1, 2)) + (data.questions > 0).sum(1)).mean())


def digital_joules(operations: float) -> float:
    """Joules of so many multiplications, each with an addition and a weight from memory, on `digital_mac`.

    Raises
    ------
    ParameterError
        If the chip has no such figures.
    """
    figures = nr.load_chip(DIGITAL).energy
    values = [figures[kind].value for kind in ("mac", "load")]
    if None in values:
        raise ParameterError("the digital chip must have figures of mac and load", where=DIGITAL)
    return operations * float(np.sum([each for each in values if each is not None]))


def _deployed(config: Config, network: Any, data: Encoded) -> dict[str, float]:
    """Run the deployed network on stories; compare each spike, and count joules of the first ones."""
    from neuro.tasks._story_deploy import DT, counts_of, deploy, inputs_of, same_spikes, trace_of

    network.double()
    count = min(config.deployed_stories, len(data.answers))
    built = deploy(network, data)
    program = nr.build_clocked(built.network, dt=DT, semantics="nir-euler")
    trials = (inputs_of(built, network, data, story) for story in range(count))
    same, answers, right, priced = 0, 0, 0, []
    weights, bias = (each.detach().numpy() for each in network.answer.parameters())
    for story, recording in enumerate(nr.run_batch(program, built.duration, trials)):
        trace = trace_of(network, data, story)
        same += same_spikes(built, trace, recording)
        told = int((weights @ counts_of(built, recording) / network.sizes.reading + bias).argmax())
        answers += told == int(network.scores(trace).argmax())
        right += told == int(data.answers[story])
        if len(priced) < config.priced:
            priced.append(recording)
    placement = nr.place(built.network, nr.load_chip(CHIP), traffic=priced[0], effort="fast")
    reports = [nr.account(each, placement, dt=DT) for each in priced]
    causes = {f"joules/{kind}": [r.by_cause[kind] for r in reports] for kind in reports[0].by_cause}
    causes |= {"joules": [r.total for r in reports], "seconds": [r.latency for r in reports]}
    causes |= {"joules/lowest": [r.range[0] for r in reports], "joules/highest": [r.range[1] for r in reports]}
    causes["edp"] = [r.edp for r in reports]
    return {
        "stories": float(count),
        "same": float(same),
        "same_answers": float(answers),
        "right": right / count,
        "neurons": float(sum(p.size for p in built.network.populations.values())),
        "cores": float(len(np.unique(np.concatenate([np.asarray(each) for each in placement.core.values()])))),
        **{name: float(np.mean(each)) for name, each in causes.items()},
    }
