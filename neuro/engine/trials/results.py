"""Results of trials, from the arrays of a batch: recordings, spike counts or traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from neuro.engine.drive.inputs import schedule_from
from neuro.engine.drive.state import EngineState
from neuro.engine.lower.program import Program
from neuro.engine.recording import Current, Record, Recording
from neuro.engine.results import report_reads, split_by_population
from neuro.engine.run import run
from neuro.engine.samples import SampleLayout
from neuro.engine.trials.batches import Needs, new_batch
from neuro.engine.trials.buffers import Part
from neuro.engine.trials.kernels import measure
from neuro.engine.trials.lowering import branches_of, constant_current
from neuro.engine.trials.plans import RunPlan, TrialPlan
from neuro.engine.trials.requests import Counts, chosen
from neuro.jit import as_table
from neuro.names import Named
from neuro.network.summary import summary

__all__ = ["Results"]


class Results:
    """Makes the results of one call of `run_trials`."""

    def __init__(
        self,
        program: Program,
        duration: float,
        record: Record,
        state: EngineState | None,
        needs: Needs,
        memory: float | str | None = None,
    ) -> None:
        self.program, self.duration, self.record, self.state, self.needs = program, duration, record, state, needs
        self.memory = memory
        self.chosen = {} if needs.request is None else chosen(program, needs.request)
        self.several = isinstance(needs.request, Counts) and needs.request.several
        self.summary = summary(program.network) if needs.request is None else {}

    def of_part(self, part: Part) -> Iterator[Any]:
        """The result of each trial of a part."""
        if self.needs.fired and part.trials:
            runs = sum(len(trial.runs) for trial in part.trials)
            fired = part.loaded.batch.fired[:runs].sum(axis=0)
            report_reads(self.program.network, self.program.offset, lambda: fired)
        r = 0
        for trial in part.trials:
            results = []
            for plan in trial.runs:
                results.append(self._of_run(part, r, plan))
                r += 1
            yield results[0] if len(results) == 1 else _nested(iter(results), iter(trial.branches))

    def _of_run(self, part: Part, r: int, plan: RunPlan) -> Any:
        if self.needs.request is not None:
            return self._measured(part.loaded.batch, r)
        return self._recording(part, r, plan)

    def _measured(self, batch: Any, r: int) -> Mapping[str, Any]:
        """Counts or traces of one run."""
        request = self.needs.request
        if isinstance(request, Counts):
            every = batch.counted if len(batch.counted) else batch.weighed
            rows = every[r] if self.several else every[r, 0]
        else:
            rows = batch.trace[r]
        return Named("population that was asked for", {name: rows[..., own] for name, own in self.chosen.items()})

    def _recording(self, part: Part, r: int, plan: RunPlan) -> Recording:
        program, record, loaded = self.program, self.record, part.loaded
        low, high = (int(loaded.batch.runs[name][r]) for name in ("low", "high"))
        spikes, names = {}, record.kept(program.offset)
        if names:
            time, neuron = part.time[low:high].copy(), part.neuron[low:high].copy()
            found = split_by_population(program.offset, time, neuron, partial(program.of, "group"))
            spikes = {name: found[name] for name in names}
        sampled = len(loaded.voltage) > 0
        return Recording(
            spikes=spikes,
            **(
                SampleLayout.of(program.network, program.offset, record).split(loaded.voltage[r])
                if sampled
                else {"v": {}}
            ),
            v_times=loaded.sample_time[r] if sampled else np.zeros(0),
            events=program.by_projection(loaded.batch.events[r]),
            start=plan.origin.start,
            stop=plan.stop,
            state=EngineState(
                plan.program,
                part.layout.kept_state(loaded.batch.kept[r]),
                plan.base,
                plan.stop,
                schedule_from(plan.inputs, plan.base),
                plan.forced,
                plan.seed,
            ),
            provenance={"seed": plan.seed, "engine": "exact", "network": self.summary, "wall_seconds": part.seconds},
        )

    def singly(self, trial: TrialPlan) -> Any:
        """The result of a trial by `run`, which also gives the errors."""
        return self._singly(trial.arguments, trial.arguments.get("state", self.state))

    def _singly(self, arguments: Mapping[str, Any], state: EngineState | None, before: Any = None) -> Any:
        program, inputs = self.program, arguments.get("inputs")
        if arguments.get("nudge") is not None:
            nudge, counts = arguments["nudge"], before[arguments["nudge"].population]
            push = nudge.current(counts if counts.ndim == 1 else counts[0])
            total = constant_current(inputs, nudge.population, state.time if state else 0.0) + push
            inputs = {**(inputs or {}), nudge.population: Current([0.0], total[None])}
        if arguments.get("bias") is not None:
            program = program.with_bias(arguments["bias"])
        duration = arguments.get("duration")
        recording = run(
            program,
            self.duration if duration is None else duration,
            inputs=inputs,
            clamp=arguments.get("clamp"),
            seed=arguments.get("seed"),
            record=self.record,
            state=state,
            memory=self.memory,
        )
        result = recording if self.needs.request is None else self._measured_singly(recording)
        branches = [self._singly(each, recording.state, result) for each in branches_of(arguments)]
        return (result, *branches) if branches else result

    def _measured_singly(self, recording: Recording) -> Mapping[str, Any]:
        batch = new_batch(self.program, self.needs._replace(fired=False), 1, 0, 0)
        batch.runs["start"] = recording.start
        offset, spikes = self.program.offset, recording.spikes
        time = np.concatenate([np.zeros(0), *(spikes[name].times for name in offset)])
        neuron = np.concatenate([np.zeros(0, np.int64), *(spikes[name].ids + offset[name] for name in offset)])
        order = np.argsort(time, kind="stable")
        measure(as_table(batch), 0, time[order], neuron[order], 0, len(time))
        return self._measured(batch, 0)


def _nested(results: Iterator[Any], branches: Iterator[int]) -> Any:
    """The next result; or a tuple of it and the results of the runs that go on from its end."""
    result, count = next(results), next(branches)
    return (result, *(_nested(results, branches) for _ in range(count))) if count else result
