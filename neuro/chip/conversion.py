"""A placement as a table of pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from neuro.display import data_frame
from neuro.validation import Ints

__all__ = ["PlacementTable"]


class _Placed(Protocol):
    """What is read of a `Placement`."""

    @property
    def core(self) -> Mapping[str, Ints]: ...


class PlacementTable:
    """A method of a `Placement`."""

    def to_pandas(self: _Placed) -> Any:
        """The placement as a `pandas.DataFrame`: columns ``population``, ``id`` and ``core``, a row for each neuron.

        Raises
        ------
        UnsupportedFeature
            If pandas is not installed: it is the extra ``pandas``.

        >>> import neuro as nr
        >>> net = nr.Network()
        >>> cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
        >>> nr.placed(net, nr.mesh_chip(2, 1, neurons=8), {"cell": [0, 1, 1]}).to_pandas()["core"].tolist()
        [0, 1, 1]
        """
        sizes = [len(core) for core in self.core.values()]
        ids = [np.zeros(0, np.int64), *(np.arange(size) for size in sizes)]
        cores = [np.zeros(0, np.int64), *self.core.values()]
        names = np.repeat(np.array(list(self.core), object), sizes)
        return data_frame({"population": names, "id": np.concatenate(ids), "core": np.concatenate(cores)})
