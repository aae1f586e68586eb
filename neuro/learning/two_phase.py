"""Two-phase rules: a change of weights from the activity of two phases, zero where the phases agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from neuro.engine.recording import Spikes
from neuro.errors import ParameterError
from neuro.validation import Floats, choice, field_of, finite, instance, number, positive

__all__ = ["Centred", "Contrastive", "activity"]


def activity(spikes: Spikes, size: int, *, start: float, stop: float, most: float) -> Floats:
    """Activity in 0..1: spikes with start <= time < stop, over `most`, the count that stands for full activity.

    >>> activity(Spikes([0.1, 0.2, 0.3], [0, 0, 1]), 3, start=0.15, stop=1.0, most=1).tolist()
    [1.0, 1.0, 0.0]
    """
    instance(spikes, "spikes", Spikes, "Spikes")
    return np.minimum(spikes.window(start, stop).counts(size) / number(most, "most", check=positive), 1.0)


@dataclass(frozen=True, kw_only=True)
class Contrastive:
    """dW_ij = rate <s_i s_j> clamped - rate <s_i s_j> free, with s = 2 r - 1: contrastive Hebbian learning.

    The free phase starts from a distorted cue; the clamped phase holds the target.
    Source: Movellan 1991; on memristor crossbars, Yi et al., Nature Electronics 2022.

    Both neurons' errors are in it: with c clamped and f free,
    2 (c_i c_j - f_i f_j) = (c_i + f_i) (c_j - f_j) + (c_i - f_i) (c_j + f_j).
    With ``error="post"`` the target's alone changes a synapse: dW_ij = rate <(c_i + f_i) (c_j - f_j)>. Its mean with
    the transpose is the rule above. Where W_ij and W_ji have devices of their own and some of these do not work, the
    source's error would move a weight that it cannot mend.

    >>> Contrastive(rate=0.1).change([[1.0, 0.0]], [[1.0, 1.0]]).round(3).tolist()
    [[0.0, -0.2], [-0.2, 0.0]]
    >>> Contrastive(rate=0.1, error="post").change([[1.0, 0.0]], [[1.0, 1.0]]).round(3).tolist()
    [[0.0, -0.4], [0.0, 0.0]]
    """

    rate: float
    """Learning rate, units of the weights."""
    error: Literal["both", "post"] = "both"
    """Whose error changes a synapse: of both its neurons, or of its target alone."""

    def __post_init__(self) -> None:
        field_of(self, "rate", number, check=positive, zero=True)
        choice(self.error, "Contrastive.error", ("both", "post"))

    def change(self, clamped: ArrayLike, free: ArrayLike) -> Floats:
        """Change of a recurrent weight matrix, (neurons, neurons), mean over patterns; no self-connections.

        Parameters
        ----------
        clamped, free
            Activity of the two phases in 0..1, shape (patterns, neurons).
        """
        with_clamp, without = _same_shape(clamped, free)
        s, f = 2.0 * with_clamp - 1.0, 2.0 * without - 1.0
        if self.error == "both":
            change = self.rate * (s.T @ s - f.T @ f) / len(s)
        else:
            change = self.rate * ((s + f).T @ (s - f)) / len(s)
        np.fill_diagonal(change, 0.0)
        return change


@dataclass(frozen=True, kw_only=True)
class Centred:
    """dW_ij = rate / (2 beta) (r_i+ r_j+ - r_i- r_j-): equilibrium propagation with a nudge to either side.

    Both nudged phases start from the same free state. The error of the estimate is of second order in beta; that of a
    one-sided estimate is of first order.

    Source: Scellier and Bengio 2017; centred: Laborieux et al., Frontiers in Neuroscience 2021.

    >>> rule = Centred(rate=1.0, beta=0.5)
    >>> rule.change([[1.0]], [[0.5]], [[1.0]], [[0.25]]).tolist()
    [[0.25]]
    """

    rate: float
    """Learning rate, units of the weights."""
    beta: float
    """Strength of the nudge."""

    def __post_init__(self) -> None:
        field_of(self, "rate", number, check=positive, zero=True)
        field_of(self, "beta", number, check=positive)

    def change(self, pre_plus: ArrayLike, post_plus: ArrayLike, pre_minus: ArrayLike, post_minus: ArrayLike) -> Floats:
        """Change of the weights (pre, post), mean over patterns, from activities (patterns, neurons)."""
        a, c = _same_shape(pre_plus, pre_minus)
        b, d = _same_shape(post_plus, post_minus)
        if len(a) != len(b):
            rule = "activities of both populations must be of the same patterns"
            raise ParameterError(rule, where="activity", value=f"{len(a)} and {len(b)} patterns")
        return self.rate / (2.0 * self.beta) * (a.T @ b - c.T @ d) / len(a)


def _same_shape(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    a, b = finite(first, "activity"), finite(second, "activity")
    if a.ndim != 2 or a.shape != b.shape or len(a) == 0:
        raise ParameterError(
            "activities of both phases must have one shape (patterns, neurons)",
            where="activity",
            value=f"{a.shape} and {b.shape}",
        )
    return a, b
