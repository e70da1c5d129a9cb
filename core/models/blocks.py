"""The blocks of each network of the catalog, in one table, so that pages can name them. Never imports torch.

`blocks.csv` has what `core.models.cuts` finds in the networks themselves; a test compares them.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some layers that learn together, or not at all."""

    name: str  # of the first module that has weights
    stage: int  # counted from 0; the head belongs to the last one
    parameters: int  # with as many classes as the network's own weights have
    has_batch_norm: bool = False
    drops: bool = False  # whether dropout, or stochastic depth, is in it or behind it


def blocks_of(architecture: str) -> tuple[Block, ...]:
    """The blocks of a network, from the images to the head."""
    return _table()[architecture]


def first_to_learn(architecture: str, mode: str, depth: int = 1) -> int:
    """The first block that learns: it and all behind it do. 0 is the whole network.

    `mode` is one of `core.runs.config.Mode`; with “blocks”, `depth` is how many learn beside the head.
    """
    found = blocks_of(architecture)
    if mode == "full":
        return 0
    if mode == "frozen":
        return len(found) - 1
    if mode == "last_stage":
        return next(index for index, block in enumerate(found) if block.stage == found[-1].stage)
    return max(len(found) - 1 - depth, 0)


def first_thawed(architecture: str, thaws: int) -> int:
    """The first block that learns once so many stages have thawed, the last one first; the head learns before."""
    found = blocks_of(architecture)
    if not thaws:
        return len(found) - 1
    least = found[-1].stage + 1 - thaws
    return next(index for index, block in enumerate(found) if block.stage >= least)


@cache
def _table() -> dict[str, tuple[Block, ...]]:
    found: dict[str, tuple[Block, ...]] = {}
    with open(Path(__file__).with_suffix(".csv"), newline="") as file:
        for row in csv.DictReader(file):
            block = Block(
                name=row["block"],
                stage=int(row["stage"]),
                parameters=int(row["parameters"]),
                has_batch_norm=row["batch_norm"] == "1",
                drops=row["drops"] == "1",
            )
            found[row["network"]] = (*found.get(row["network"], ()), block)
    return found
