"""Batches that are made while the device still computes with the one before. Knows no network and no photos."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

Made = tuple[Tensor, Tensor]  # of one step: what a network reads, and what that is


def made_ahead(make: Callable[[int], Made], steps: range, device: torch.device) -> Iterator[Made]:
    """What `make` returns for each of these steps; on a CUDA device, each is made while the step before it runs.

    There it takes hundreds of small kernels, and one thread cannot launch them and those of a step in time. On a CPU a
    thread would take the cores that compute. Apple's GPUs are not known to bear several threads.
    """
    if device.type != "cuda":
        yield from map(make, steps)
        return
    stream = _stream_beside(device)
    stream.wait_stream(torch.cuda.current_stream(device))

    def make_beside(step: int) -> tuple[Made, torch.cuda.Event]:
        with torch.cuda.stream(stream):
            return make(step), stream.record_event()

    with ThreadPoolExecutor(1, "batches ahead") as thread:
        coming = [thread.submit(make_beside, step) for step in steps[:1]]
        for step in steps:
            try:
                made, is_made = coming.pop().result()
            except torch.OutOfMemoryError:  # beside the step before, which is done by now
                made, is_made = thread.submit(make_beside, step).result()
            if step + 1 in steps:
                coming.append(thread.submit(make_beside, step + 1))
            now = torch.cuda.current_stream(device)
            now.wait_event(is_made)
            for tensor in made:
                tensor.record_stream(now)  # or its memory would be given away while the step reads it
            yield made


@cache
def _stream_beside(device: torch.device) -> torch.cuda.Stream:
    """One for all epochs: memory that a stream has taken stays with it."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
