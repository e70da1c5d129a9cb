"""What an evaluation has counted, and what follows from it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.runs.goal_settings import BestBy

_FAR_MORE = 1.5  # times as many photos as the rarest class: then accuracy alone says little of that


@dataclass(frozen=True)
class Scored:
    """One pass over some photos."""

    loss: float  # mean cross-entropy, in nats
    correct: Sequence[int]  # of each class
    counts: Sequence[int]  # photos of each class

    @property
    def accuracy(self) -> float:
        """From 0 to 1."""
        return sum(self.correct) / sum(self.counts)

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the accuracies of the classes that there are, from 0 to 1."""
        found = [correct / count for correct, count in zip(self.correct, self.counts, strict=True) if count]
        return sum(found) / len(found)

    @property
    def told_balanced_accuracy(self) -> float | None:
        """None where all classes have about as many photos: it would say the same again."""
        present = [count for count in self.counts if count]
        return self.balanced_accuracy if max(present) > _FAR_MORE * min(present) else None

    def by(self, what: BestBy) -> float:
        """What an epoch is chosen by: the higher, the better."""
        return -self.loss if what == "loss" else float(getattr(self, what))
