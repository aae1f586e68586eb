"""`Fitted`: what a training has found, and how it went."""

from __future__ import annotations

from dataclasses import dataclass, field

from neuro.display import Displayed, Rows
from neuro.learning.layers import LayerWeights

__all__ = ["Fitted"]


@dataclass(eq=False, repr=False)
class Fitted(Displayed):
    """What `fit` has found, and how it went."""

    weights: LayerWeights
    """The weights at the end; after early stopping, those of the best validation."""
    training: list[float] = field(default_factory=list)
    """Accuracy of the free phases of each epoch."""
    validation: list[float] = field(default_factory=list)
    """Accuracy on the validation examples after each epoch, if there are any."""
    spikes: list[float] = field(default_factory=list)
    """Mean number of spikes of a free phase in each epoch; zero for rates."""
    revived: list[float] = field(default_factory=list)
    """How often the bias of a silent output grew in each epoch, see `Schedule.revival`."""
    stopped: bool = False
    """Was there no better validation for `Schedule.patience` epochs?"""

    @property
    def epochs(self) -> int:
        """Number of epochs that were done."""
        return len(self.training)

    def _display(self) -> tuple[str, Rows]:
        rows: list[tuple[str, object]] = []
        if self.training:
            rows.append(("training accuracy", f"{self.training[-1]:.4f}"))
        if self.validation:
            rows.append(("validation accuracy", f"{self.validation[-1]:.4f}, best {max(self.validation):.4f}"))
        if any(self.revived):
            rows.append(
                ("silent outputs revived", f"in {sum(self.revived):.0f} updates, the last {self.revived[-1]:.0f}")
            )
        return f"Fitted: {self.epochs} epochs", rows
