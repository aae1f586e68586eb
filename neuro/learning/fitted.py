"""`Fitted`: what a training has found, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from neuro.display import Displayed, Rows
from neuro.learning.layers import LayerWeights

__all__ = ["Fitted", "measures"]


@dataclass(eq=False, repr=False)
class Fitted(Displayed):
    """What `fit` has found, and how it went."""

    weights: LayerWeights
    """The weights at the end; after early stopping, those of the best validation."""
    training: list[float] = field(default_factory=list)
    """What `accuracy` gives of the free phases of each epoch."""
    validation: list[float] = field(default_factory=list)
    """The same of the validation examples after each epoch, if there are any."""
    spikes: list[float] = field(default_factory=list)
    """Mean number of spikes of a free phase in each epoch; zero for rates."""
    revived: list[float] = field(default_factory=list)
    """How often the bias of a silent output grew in each epoch, see `Schedule.revival`."""
    stopped: bool = False
    """Was there no better validation for `Schedule.patience` epochs?"""
    measure: str = "accuracy"
    """What `training` and `validation` are."""

    @property
    def epochs(self) -> int:
        """Number of epochs that were done."""
        return len(self.training)

    def _display(self) -> tuple[str, Rows]:
        rows: list[tuple[str, object]] = []
        if self.training:
            rows.append((f"training {self.measure}", self._shown(self.training[-1])))
        if self.validation:
            last, best = (self._shown(each) for each in (self.validation[-1], max(self.validation)))
            rows.append((f"validation {self.measure}", f"{last}, best {best}"))
        if any(self.revived):
            rows.append(("silent outputs", f"revived in {sum(self.revived):.0f} updates"))
        return f"Fitted: {self.epochs} epochs", rows

    def _shown(self, value: float) -> str:
        return f"{value:.4f}" if self.measure == "accuracy" else f"{value:.4g}"


def measures(found: Sequence[Fitted | Sequence[Fitted]]) -> str:
    """What several trainings are measured by, in words."""
    groups = [[each] if isinstance(each, Fitted) else each for each in found]
    return " or ".join(sorted({each.measure for group in groups for each in group}))
