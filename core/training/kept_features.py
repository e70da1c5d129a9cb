"""Features that are computed once: in memory, and in a file that other runs of the same photos share."""

import hashlib
import json
import logging
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.sending import sent
from core.feature_files import FeatureFile

_FORMAT = 1  # to be raised whenever anything computes otherwise than before
_VERSIONS = [version("torch"), version("torchvision")]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """How one photo's features lie in memory: kernels differ with that in speed and last digits."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    memory_format: torch.memory_format

    @classmethod
    def of(cls, features: Tensor) -> "Layout":
        """That of (photos, ...) features."""
        is_last = features.ndim == 4 and features.is_contiguous(memory_format=torch.channels_last)
        return cls(
            tuple(features.shape[1:]), features.dtype, torch.channels_last if is_last else torch.contiguous_format
        )

    @property
    def row_bytes(self) -> int:
        """What the features of a photo take."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def room(self, count: int, device: torch.device | str) -> Tensor:
        """Room for the features of so many photos."""
        return torch.empty(count, *self.shape, dtype=self.dtype, device=device, memory_format=self.memory_format)

    def as_bytes(self, features: Tensor) -> NDArray[np.uint8]:
        """(photos, row_bytes) the very bytes of features on the CPU that lie like this."""
        rows = features.permute(0, 2, 3, 1) if self.memory_format == torch.channels_last else features
        assert rows.is_contiguous()
        return rows.reshape(len(features), -1).view(torch.uint8).numpy()


class KeptFeatures:
    """Those of some photos of a data set, as they become known. Rows are the data set's."""

    def __init__(
        self,
        rows: NDArray[np.int64],
        num_photos: int,
        layout: Layout,
        device: torch.device,
        file: FeatureFile | None = None,
    ) -> None:
        self._layout, self._device, self._file = layout, device, file
        self._place = np.full(num_photos, -1)
        self._place[rows] = np.arange(len(rows))
        self._is_known = np.zeros(len(rows), bool)
        self._values: Tensor | None = None

    def not_in_memory(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of these rows that are not."""
        missing: NDArray[np.int64] = rows[~self._is_known[self._place[rows]]]
        return missing

    def unknown(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of these rows that must be computed: they are neither in memory nor in the file. A block at a time."""
        unknown = self.not_in_memory(rows)
        if not len(unknown) or self._file is None:
            return unknown
        room = self._layout.room(len(unknown), "cpu")
        is_there = self._file.read(unknown, self._layout.as_bytes(room))
        if is_there.any():
            self._put(unknown[is_there], room[torch.from_numpy(is_there)])
        left: NDArray[np.int64] = unknown[~is_there]
        return left

    def keep(self, rows: NDArray[np.int64], features: Tensor) -> None:
        """Keep what was computed."""
        self._put(rows, features)
        if self._file is not None:
            room = self._layout.room(len(rows), "cpu").copy_(features)
            try:
                self._file.write(rows, self._layout.as_bytes(room))
            except OSError as error:
                _log.warning("features are not kept on the disk any more: %s", error.strerror)
                self._file = None

    def _put(self, rows: NDArray[np.int64], features: Tensor) -> None:
        if self._values is None:
            self._values = self._layout.room(len(self._is_known), self._device)
        self._values[sent(self._place[rows], self._device)] = features.to(self._device)
        self._is_known[self._place[rows]] = True

    def __getitem__(self, rows: NDArray[np.int64]) -> Tensor:
        """(rows, ...) at least in float32."""
        assert self._values is not None
        assert self._is_known[self._place[rows]].all()
        values = self._values[sent(self._place[rows], self._device)]
        return values.to(torch.promote_types(values.dtype, torch.float32))


def digest_of(body: nn.Module) -> str:
    """SHA-256 of every weight of what computes features."""
    state = body.state_dict()
    digest = hashlib.sha256(json.dumps(list(state)).encode())
    for tensor in state.values():
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def key_of(facts: dict[str, object]) -> str:
    """SHA-256 of all that features depend on: what is given, and the software that computes them."""
    return hashlib.sha256(json.dumps([_FORMAT, _VERSIONS, facts], sort_keys=True).encode()).hexdigest()
