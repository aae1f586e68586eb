"""`Crossbar` and `crossbar_from_conductance`: they check arguments and decide which kind of crossbar to make."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.base import AbstractCrossbar, Setup
from neuro.crossbar.checks import conductances, devices, reading_of, weight_matrix, wiring, writing_of
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.offset import OffsetCrossbar
from neuro.crossbar.pair import PairCrossbar, pair_crossbar
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.sliced import SlicedCrossbar
from neuro.crossbar.tiled import TiledCrossbar
from neuro.crossbar.write.settings import Writing
from neuro.errors import ParameterError, UnknownName, UnsupportedFeature, WeightError
from neuro.memory import require_memory
from neuro.validation import Floats, instance, number, positive, whole_number

__all__ = ["MAPPINGS", "Crossbar", "crossbar_from_conductance"]

BYTES_PER_DEVICE = 32
"""At least: conductance and fault of a device, its share of weight and register, and copies while it is written."""
MAPPINGS = ("pair", "offset", "slices")
"""How a weight becomes conductances."""


def Crossbar(
    weights: ArrayLike,
    device: Device | None = None,
    wires: Wires | None = None,
    faults: Faults | None = None,
    mapping: str = "pair",
    *,
    tile: tuple[int, int] | None = None,
    slices: int | None = None,
    base: int | None = None,
    reading: Reading | None = None,
    writing: Writing | None = None,
    w_max: float | None = None,
    start: float | None = None,
    seed: int = 0,
    name: str = "crossbar",
) -> AbstractCrossbar:
    """Write weights into memristive devices: a crossbar of the kind that the mapping and the tiles ask for.

    `Crossbar` is a function, because a call of a class must not return another class. The kinds are final classes;
    all are an `AbstractCrossbar`, which is the class for annotations and `isinstance` and documents every method.

    Parameters
    ----------
    weights
        Shape (pre, post), in the units of the target's v.
    device
        The device of each cell; None: the preset `ideal`.
    wires
        Resistances of the wires, and the treatment of inactive rows; None: no wire has any resistance.
    faults
        Stuck devices; None: all are healthy.
    mapping
        How a weight becomes conductances: "pair" (`PairCrossbar`); "offset", one device each and a column of
        references (`OffsetCrossbar`); or "slices", digits in several arrays (`SlicedCrossbar`).
    tile
        Rows and columns of the arrays that a larger matrix is cut into (`TiledCrossbar`); None: one array holds it all.
    slices, base
        Of "slices": number of arrays (None: 2), base of the digits (None: levels of the device; 16 if continuous).
    reading
        Voltage, time, noise, converters and energy of a read; None: exact reads without a price.
    writing
        Voltage and time of a write pulse, and its effect on half-selected devices; None: no price, no effect.
    w_max
        The weight of a pair at g_max and g_min; None: the largest absolute weight, or 1 where all are zero.
    start
        Of "pair" alone. None: one device of each pair starts at g_min. A number in 0..1: both start around this
        fraction of the window, half a weight to each side, so that both have room to move.
    seed, name
        Root seed, and the name that sets this crossbar's draws apart from those of others.

    Raises
    ------
    WeightError
        If the weights are not a finite matrix, or one does not fit the window.
    DeviceError
        If a part is not of its class, the faults are of another shape, or the digits of `base` are no levels.
    ParameterError
        If `w_max`, `start`, `tile`, `slices` or `base` is outside its range, or does not belong to the mapping.
    UnsupportedFeature
        If `start` is given for another mapping than "pair".
    UnknownName
        If there is no such mapping.

    Examples
    --------
    >>> crossbar = Crossbar([[0.5, -1.0], [0.0, 0.25]])
    >>> crossbar.read([2, 1])
    array([ 1.  , -1.75])
    >>> crossbar.ledger.row_reads
    2
    """
    instance(name, "crossbar, name", str, "a text")
    where = f"crossbar {name!r}"
    _refuse_absurd(weights, f"{where}, weights")
    matrix = weight_matrix(weights, None, f"{where}, weights")
    device, faults = devices(device, faults, (matrix.shape[0], matrix.shape[1]), where)
    largest = float(np.abs(matrix).max(initial=0.0)) or 1.0
    setup = _setup(device, faults, wires, reading, writing, largest if w_max is None else w_max, seed, name)
    make = _maker(mapping, start, slices, base, where)
    return make(matrix, setup) if tile is None else TiledCrossbar(matrix, setup, tile, make)


def crossbar_from_conductance(
    g_plus: ArrayLike,
    g_minus: ArrayLike | None = None,
    wires: Wires | None = None,
    *,
    reading: Reading | None = None,
    seed: int = 0,
    name: str = "crossbar",
) -> PairCrossbar:
    """A crossbar of devices with these conductances, S, shape (rows, columns); its weights are siemens, scale 1.

    Without `g_minus` there is no second array. The devices are continuous, from 0 to the largest conductance.

    Raises
    ------
    DeviceError
        If a conductance is negative or not finite, or the shapes differ.

    Examples
    --------
    >>> crossbar = crossbar_from_conductance([[1e-3]], wires=Wires(row=600.0, column=400.0))
    >>> crossbar.effective_conductance().round(9)
    array([[0.0005]])
    """
    instance(name, "crossbar, name", str, "a text")
    where = f"crossbar {name!r}"
    _refuse_absurd(g_plus, f"{where}, g_plus")
    plus = conductances(g_plus, None, f"{where}, g_plus")
    minus = np.zeros_like(plus) if g_minus is None else conductances(g_minus, plus.shape, f"{where}, g_minus")
    largest = float(max(plus.max(), minus.max())) or 1.0
    device, faults = Device("given", 0.0, largest), Faults.none((plus.shape[0], plus.shape[1]))
    return PairCrossbar(plus, minus, _setup(device, faults, wires, reading, None, largest, seed, name), None)


def _refuse_absurd(weights: ArrayLike, where: str) -> None:
    """Refuse a matrix whose devices do not fit into memory, before anything is copied."""
    shape = getattr(weights, "shape", ())
    if isinstance(shape, tuple) and len(shape) == 2:
        rows, columns = shape
        needed = BYTES_PER_DEVICE * 2.0 * rows * columns
        require_memory(needed, where, value=f"{rows:,} x {columns:,} weights in pairs of devices", error=WeightError)


def _setup(
    device: Device,
    faults: Faults,
    wires: Wires | None,
    reading: Reading | None,
    writing: Writing | None,
    w_max: float,
    seed: int,
    name: str,
) -> Setup:
    """The checked parts and settings of a crossbar."""
    where = f"crossbar {name!r}"
    return Setup(
        device=device,
        faults=faults,
        wires=wiring(wires, where),
        reading=reading_of(reading, where),
        writing=writing_of(writing, where),
        w_max=number(w_max, f"{where}, w_max", check=positive),
        seed=whole_number(seed, f"{where}, seed"),
        name=name,
    )


def _maker(
    mapping: str, start: float | None, slices: int | None, base: int | None, where: str
) -> Callable[[Floats, Setup], AbstractCrossbar]:
    """A function that makes one crossbar of this mapping of a matrix of weights."""
    if not isinstance(mapping, str) or mapping not in MAPPINGS:
        raise UnknownName("mapping", mapping, MAPPINGS)
    if mapping != "slices" and (slices is not None or base is not None):
        rule = '`slices` and `base` belong to mapping="slices"'
        raise ParameterError(rule, where=where, value=f"mapping={mapping!r}", remedy="Leave them out")
    if mapping == "pair":
        if start is not None and not 0 <= number(start, f"{where}, start") <= 1:
            raise ParameterError("`start` is a fraction of the window, 0..1", where=where, value=start)
        return partial(pair_crossbar, start=start)
    if start is not None:
        offset = "with an offset column a weight of zero starts at the reference"
        rule = offset if mapping == "offset" else "digits of slices start at the lower end of the window"
        raise UnsupportedFeature(rule, where=where, remedy="Leave `start` at None")
    if mapping == "offset":
        return OffsetCrossbar
    return partial(SlicedCrossbar, slices=2 if slices is None else slices, base=base)
