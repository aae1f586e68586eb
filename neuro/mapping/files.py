"""Files of other tools: SANA-FE's mappings, hMETIS's hypergraphs and partitions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neuro.chip.model import Chip
from neuro.chip.placement import Placement, load_placement, placed
from neuro.errors import PlacementError
from neuro.files.reading import existing_file, in_file, read_text, read_yaml
from neuro.files.writing import atomic, write_text
from neuro.mapping.baselines import hyperedges
from neuro.mapping.traffic import traffic_of
from neuro.network.graph import Network
from neuro.validation import Ints

__all__ = ["read_placement", "write_hmetis", "write_parts", "write_placement", "write_sanafe"]


def write_placement(placement: Placement, path: str | Path) -> None:
    """Write a placement in the format that belongs to the ending of the file's name.

    ``.json`` and ``.npz``: the placement with its chip, as `Placement.save`; ``.yaml`` and ``.yml``: the mappings of a
    SANA-FE network; ``.part``: the core of each neuron, one per line, as hMETIS writes a partition.
    """
    kind = Path(path).suffix
    if kind in (".yaml", ".yml"):
        write_sanafe(placement, path)
    elif kind == ".part":
        write_parts(placement, path)
    else:
        placement.save(path)


def read_placement(path: str | Path, network: Network, chip: Chip) -> Placement:
    """A placement of a network from any of the formats that `write_placement` writes.

    Only the cores come from the file; the routes are counted again. `Placement.broken_limits` has the limits that it
    breaks.

    Raises
    ------
    PlacementError
        If the file does not give a core of the chip for every neuron, or is for another chip.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    """
    file = existing_file(path, PlacementError)
    with in_file(file):
        if file.suffix in (".yaml", ".yml"):
            return placed(network, chip, _from_sanafe(file, network, chip), beyond_limits=True)
        if file.suffix == ".part":
            return placed(network, chip, _from_parts(file, network), beyond_limits=True)
    saved = load_placement(file)
    if saved.chip != chip:
        raise PlacementError(
            "the placement is for another chip, whose cores lie elsewhere",
            where=str(path),
            value=f"{saved.chip.name}, not {chip.name}",
            remedy=f"Give that chip, or place the network on {chip.name}",
        )
    return placed(network, chip, saved.core, beyond_limits=True)


def write_sanafe(placement: Placement, path: str | Path) -> None:
    """Write a placement as the ``mappings`` of a SANA-FE 2 network: groups are populations, cores are tile.core.

    A population on one core is one entry, any other has one entry per neuron. Sources outside of the chip are left out:
    SANA-FE needs its inputs on a core.

    Examples
    --------
    >>> import tempfile
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 2, nr.SpikeSource()))
    >>> here = nr.placed(net, nr.mesh_chip(2, 1, neurons=2), {"cell": [0, 1]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_sanafe(here, f"{folder}/net.yaml")
    ...     print(open(f"{folder}/net.yaml").read(), end="")
    mappings:
      - cell.0: [core: 0.0]
      - cell.1: [core: 1.0]
    """
    per_tile = placement.chip.cores_per_tile
    lines = ["mappings:"]
    for name, core in placement.core.items():
        label = _group(name)
        if len(core) and core.min() == core.max() >= 0:
            lines.append(f"  - {label}: [core: {core[0] // per_tile}.{core[0] % per_tile}]")
            continue
        lines += [f"  - {label}.{i}: [core: {c // per_tile}.{c % per_tile}]" for i, c in enumerate(core) if c >= 0]
    write_text(path, "\n".join(lines) + "\n")


def _group(name: str) -> str:
    """The name of a population, where SANA-FE can read it: a dot would begin the number of a neuron."""
    if any(sign in name for sign in ".:[]{},#&*!|>'\"%@`"):
        raise PlacementError("SANA-FE's names of groups have no dots, colons, brackets or quotes", value=repr(name))
    return name


def _from_sanafe(file: Path, network: Network, chip: Chip) -> dict[str, Ints]:
    # Cores stay text: as a number, 0.10 would be 0.1.
    loaded = read_yaml(file, PlacementError, "a SANA-FE mapping", as_text=True)
    try:
        pairs = [pair for entry in loaded["mappings"] for pair in entry.items()]
    except (KeyError, TypeError, AttributeError):
        raise PlacementError("a SANA-FE mapping begins with `mappings:` and lists neurons", where=str(file)) from None
    found = {name: np.full(population.size, -1, np.int64) for name, population in network.populations.items()}
    for label, attributes in pairs:
        name, dot, numbers = str(label).partition(".")
        if name not in found:
            raise PlacementError("mappings are of the network's populations", where=str(file), value=repr(label))
        first, last = _range(numbers, len(found[name])) if dot else (0, len(found[name]) - 1)
        if first < 0 or last >= len(found[name]):
            raise PlacementError(f"{name!r} has neurons 0..{len(found[name]) - 1}", where=str(file), value=repr(label))
        found[name][first : last + 1] = _core(attributes, chip, file, label)
    for name, core in found.items():
        if np.any(core < 0):
            raise PlacementError(
                "every neuron needs a core", where=str(file), value=f"none for neuron {int(core.argmin())} of {name!r}"
            )
    return found


def _range(text: str, size: int) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    try:
        return (int(first), int(last)) if dots else (int(first), int(first))
    except ValueError:
        return -1, size


def _core(attributes: Any, chip: Chip, file: Path, label: Any) -> int:
    listed = attributes if isinstance(attributes, list) else [attributes]
    merged = {key: value for part in listed if isinstance(part, Mapping) for key, value in part.items()}
    try:
        tile, _, inside = str(merged["core"]).partition(".")
        core = int(tile) * chip.cores_per_tile + int(inside or 0)
        if not 0 <= int(inside or 0) < chip.cores_per_tile or not 0 <= core < chip.cores:
            raise ValueError
    except (KeyError, ValueError):
        raise PlacementError(
            f"a core is written tile.core, tiles 0..{chip.cores // chip.cores_per_tile - 1}, "
            f"cores 0..{chip.cores_per_tile - 1}",
            where=f"{file}, {label}",
            value=merged.get("core"),
        ) from None
    return core


def write_hmetis(network: Network, path: str | Path, traffic: Any = None) -> None:
    """Write a network as a hypergraph for hMETIS, KaHyPar and others.

    One hyperedge for each neuron with targets and spikes: the neuron with its targets, weighted by its spikes, rounded
    to whole numbers and at least one. Vertices are counted from one, through all populations.

    Examples
    --------
    >>> import tempfile
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> _ = net.connect(cell, cell, nr.Sparse([0, 0], [1, 2], 0.5), delay=1e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_hmetis(net, f"{folder}/net.hgr", {"cell": [7, 0, 0]})
    ...     print(open(f"{folder}/net.hgr").read(), end="")
    1 3 1
    7 1 2 3
    """
    found = traffic_of(network, traffic)
    nets, weights = hyperedges(found)
    with atomic(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(f"{len(nets)} {found.neurons} 1\n")
        for pins, weight in zip(nets, weights, strict=True):
            file.write(f"{weight} {' '.join(str(pin + 1) for pin in pins)}\n")


def write_parts(placement: Placement, path: str | Path) -> None:
    """Write the core of each neuron, one a line, through all populations."""
    write_text(path, "".join(f"{core}\n" for core in placement.neuron_core))


def _from_parts(file: Path, network: Network) -> dict[str, Ints]:
    sizes = {name: population.size for name, population in network.populations.items()}
    lines = read_text(file, PlacementError, "a partition").split()
    try:
        core = np.array([int(line) for line in lines], np.int64)
    except (ValueError, OverflowError):
        raise PlacementError("a partition has one whole number a line", where=str(file)) from None
    if len(core) != sum(sizes.values()):
        raise PlacementError(
            f"a partition of this network has {sum(sizes.values())} lines", where=str(file), value=f"{len(core)} lines"
        )
    ends = np.cumsum([0, *sizes.values()])
    return {name: core[a:b] for name, a, b in zip(sizes, ends[:-1], ends[1:], strict=True)}
