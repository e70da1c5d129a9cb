"""Which photos each step of a training sees: a pure function of the seed, so that any step can be found again."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.data.streams import ORDER, random_stream

_ORDERS_KEPT = 4  # lanes of a race share theirs


def num_batches(num_photos: int, batch_size: int) -> int:
    """Batches in an epoch. The last may be smaller, but a lone last photo is left out: BatchNorm needs two."""
    whole, rest = divmod(num_photos, batch_size)
    return max(whole + (rest > 1), 1)


@dataclass(frozen=True, kw_only=True)
class Batches:
    """The batches of a training: every photo once an epoch, in an order that is shuffled anew for each.

    Rows count from 0 among the training photos alone.
    """

    num_photos: int
    batch_size: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """See `num_batches`."""
        return num_batches(self.num_photos, self.batch_size)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """(num_photos,) rows as an epoch takes them; epochs count from 0. Not to be written to."""
        return _order(self.num_photos, self.seed, epoch)

    def rows(self, step: int, rank: int = 0, world: int = 1) -> NDArray[np.int64]:
        """The rows of a step, which counts from 1; of `world` processes that share it, those of the one at `rank`."""
        epoch, batch = divmod(step - 1, self.steps_per_epoch)
        start = batch * self.batch_size
        return self.order(epoch)[start : start + self.batch_size][rank::world].copy()


@lru_cache(maxsize=_ORDERS_KEPT)
def _order(num_photos: int, seed: int, epoch: int) -> NDArray[np.int64]:
    order = random_stream(ORDER, seed=seed, position=epoch).permutation(num_photos)
    order.setflags(write=False)
    return order


def chain_hash(before: str, rows: NDArray[np.int64]) -> str:
    """Twelve hexadecimal digits that stand for these rows, and, by the hash before them, for all earlier ones."""
    return hashlib.sha256(before.encode() + b":" + rows.astype("<i8").tobytes()).hexdigest()[:12]
