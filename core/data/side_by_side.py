"""Work on one photo at a time, with all cores: each thread computes alone, as several for one photo would only wait."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch


def each(work: Callable[[int], None], count: int) -> None:
    """Have `work(index)` done for every index below `count`, in any order, by as many threads as PyTorch may use."""
    allowed = torch.get_num_threads()
    if allowed == 1 or count <= 1:
        _all(work, range(count))
        return
    parts = [part.tolist() for part in np.array_split(np.arange(count), allowed) if len(part)]
    try:
        for answer in [_threads(allowed).submit(_all, work, part) for part in parts]:
            answer.result()
    finally:
        torch.set_num_threads(allowed)  # what a thread has set would hold for all that are begun from now on


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "side by side", initializer=_compute_alone)


def _compute_alone() -> None:
    torch.get_num_threads()  # a thread that has not asked takes the number of all others at its first work
    torch.set_num_threads(1)


def _all(work: Callable[[int], None], indices: Iterable[int]) -> None:
    for index in indices:
        work(index)
