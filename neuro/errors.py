"""Errors by name: each says the rule, the value that was given, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "ChipError",
    "ClampError",
    "DataError",
    "DeviceError",
    "FileError",
    "FitWarning",
    "InfeasibleError",
    "InputError",
    "MissingFigure",
    "MissingPackage",
    "NetworkError",
    "NeuroError",
    "OutOfMemory",
    "ParameterError",
    "PeerError",
    "PlacementError",
    "StateError",
    "SweepError",
    "TrainingError",
    "UnitWarning",
    "UnknownName",
    "UnsupportedFeature",
    "WeightError",
    "WorkerDied",
]


LONGEST_VALUE = 1000
"""Characters of a value in a message; a damaged file may have a megabyte where a name belongs."""


class NeuroError(Exception):
    """Root of every error that a user of `neuro` can cause and mend.

    Parameters
    ----------
    rule
        The rule that was broken, in one clause.
    where
        The population, projection, argument or file that broke it.
    value
        The value that was given.
    remedy
        What to do now.
    """

    def __init__(self, rule: str, *, where: str = "", value: object = None, remedy: str = "") -> None:
        self.rule = rule
        self.where = where
        self.value = value
        self.remedy = remedy
        text = f"{where}: {rule}" if where else rule
        if value is not None:
            text += f"; got {_cut(_printable(str(value)))}"
        if remedy:
            text += f". {remedy}"
        super().__init__(_printable(text))

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross from worker processes with their fields; by default Python would call `__init__` with the text.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[NeuroError], args: tuple[Any, ...], fields: Mapping[str, Any]) -> NeuroError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class ParameterError(NeuroError, ValueError):
    """A parameter of a neuron, device, rule or task is outside its range."""


class NetworkError(NeuroError, ValueError):
    """Populations and projections do not fit together."""


class OutOfMemory(NetworkError, MemoryError):
    """A buffer of a run would grow past the memory that there is, or past ``run(memory=...)``.

    The run stops where it is whole, as after Ctrl-C.

    Parameters
    ----------
    buffer
        What would grow.
    needed
        Bytes that it needs, with all other buffers of the run where `allowed` is the run's own limit.
    allowed
        Bytes that are free, or that the run may take.
    """

    recording: Any = None
    """The `Recording` of what was done, with its `stop` and a state to go on from; None if the run had not begun, and
    where the error comes from another process."""

    def __init__(self, buffer: str, needed: float, allowed: float, *, value: str, remedy: str) -> None:
        super().__init__(f"{buffer} must fit into memory", where="run", value=value, remedy=remedy)
        self.buffer, self.needed, self.allowed = buffer, needed, allowed

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, {**self.__dict__, "recording": None})


class WeightError(NeuroError, ValueError):
    """Weights do not fit the populations they connect, or the window of the devices that hold them."""


class InputError(NeuroError, ValueError):
    """Spikes or currents given to a run are not usable."""


class ClampError(NeuroError, ValueError):
    """A clamp does not fit the network, or its strength is not usable."""


class DeviceError(NeuroError, ValueError):
    """A device model is not usable, or a conductance lies outside its window."""


class DataError(NeuroError, FileNotFoundError):
    """A file that is needed is missing: one that was named, or published data of an experiment."""


class FileError(NeuroError, OSError):
    """The system refuses to write or read a file: a full disk, no permission, no such folder, the name of a folder.

    Nothing half-written is left, and what was there before stays.
    """


class ChipError(NeuroError, ValueError):
    """A chip file is not usable, or its figures contradict each other."""


class PlacementError(NeuroError, ValueError):
    """A placement does not fit its chip, its network, or the recording that it is used with."""


class InfeasibleError(PlacementError):
    """A network does not fit its cores, or no placement was found that fits.

    Parameters
    ----------
    limit
        Name of the limit.
    most
        Its value.
    needed
        Number that is needed.
    who
        The neuron, population or network that needs it.
    proved
        True: it is impossible. False: no placement was found.
    remedy
        The smallest core or mesh that would do.
    """

    def __init__(self, limit: str, most: int, needed: int, who: str, *, proved: bool, remedy: str) -> None:
        self.limit = limit
        self.most = most
        self.needed = needed
        self.who = who
        self.proved = proved
        how = "proved impossible" if proved else "not found"
        super().__init__(f"{how}: {limit} are limited to {most:,}, {needed:,} needed", where=who, remedy=remedy)


class MissingFigure(NeuroError, ValueError):
    """A total needs a figure of this chip that is unknown.

    Parameters
    ----------
    chip
        Name of the chip.
    needed
        The unknown figures, and the number of events that need each.
    """

    def __init__(self, chip: str, needed: Mapping[str, float]) -> None:
        listed = ", ".join(f"{quantity} (needed by {count:,.15g} events)" for quantity, count in needed.items())
        super().__init__(
            "the total needs figures that nobody has published",
            where=f"chip {chip!r}",
            value=listed,
            remedy="partial=True (--partial) gives the rest, marked incomplete",
        )
        self.chip = chip
        self.needed = dict(needed)


class MissingPackage(NeuroError, ImportError):
    """Something needs a package of an extra that is not installed."""


class PeerError(NeuroError, RuntimeError):
    """Another simulator is not installed, cannot run this network, or failed."""


class StateError(NeuroError, ValueError):
    """A saved state does not belong to this network."""


class SweepError(NeuroError, RuntimeError):
    """A sweep cannot go on: nobody is left to compute its points. What is finished stays in its folder."""


class UnsupportedFeature(NeuroError, ValueError):
    """The engine cannot do this exactly."""


class TrainingError(NeuroError, RuntimeError):
    """A training cannot go on: a network has come into a state from which it learns nothing."""


class UnknownName(NeuroError, KeyError):
    """No task, preset, population, device or key has this name.

    Parameters
    ----------
    kind
        What was looked for.
    name
        The name that was given.
    known
        The names that exist.

    >>> str(UnknownName("device", "EcRan", ["EcRam", "PCM"]))
    "no device is called 'EcRan'. Did you mean 'EcRam'? Known: EcRam, PCM"
    """

    def __init__(self, kind: str, name: object, known: Iterable[object] = ()) -> None:
        names = sorted(str(each) for each in known)
        alike = _alike(str(name), names)
        question = f"Did you mean {' or '.join(map(repr, alike))}? " if alike else ""
        super().__init__(f"no {kind} is called {name!r}", remedy=f"{question}Known: {', '.join(names) or 'none'}")
        self.kind = kind
        self.name = name
        self.alike = alike

    def __str__(self) -> str:
        return str(self.args[0])


class FitWarning(UserWarning):
    """A fitted device does not follow its measurement: it wanders farther, or less far, or ends elsewhere."""


class UnitWarning(UserWarning):
    """A plain number was read as seconds, but is so large that it was perhaps meant as milliseconds.

    Time constants of membranes and synapses, refractory times and delays above 1 s, and those of adaptation and traces
    above 100 s, are read with this warning. A quantity that says its unit is not.
    """


class WorkerDied(NeuroError, RuntimeError):
    """A process that worked on a part of a task died before it could say why.

    Parameters
    ----------
    results
        What the finished jobs gave.
    jobs
        Number of jobs altogether.
    """

    def __init__(self, results: Sequence[Any], jobs: int) -> None:
        super().__init__(
            "a worker died (out of memory?)",
            value=f"{len(results)} results of {jobs}",
            remedy="Use fewer workers: --set workers=1",
        )
        self.results = list(results)
        self.jobs = jobs


def _cut(text: str) -> str:
    """The beginning of a text that is too long for a message."""
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}... ({len(text):,} characters)"


def _printable(text: str) -> str:
    """A text without characters that steer a terminal, which a file may have in a name."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)


def _alike(name: str, known: list[str]) -> list[str]:
    """At most three of the known names that resemble `name`, the most similar first; capitals do not matter."""
    from difflib import get_close_matches

    by_plain = {each.casefold(): each for each in known}
    return [by_plain[found] for found in get_close_matches(name.casefold(), by_plain)]
