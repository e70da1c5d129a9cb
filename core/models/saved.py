"""What the two ways of saving a model leave behind, as plain values: free of torch, so that pages can read it."""

from dataclasses import dataclass
from typing import Literal

Way = Literal["state_dict", "module"]
# The course's names.
FILE_NAMES: dict[Way, str] = {"state_dict": "linear_model.pth", "module": "linear_model_with_arc.pth"}


@dataclass(frozen=True, kw_only=True)
class NamedTensor:
    """One entry of `named_parameters()` or of a state dict, with its one value."""

    name: str
    value: float
    shape: tuple[int, ...]
    requires_grad: bool


@dataclass(frozen=True, kw_only=True)
class SavedModel:
    """A model saved in one way, and what came out when the file was loaded back."""

    way: Way
    contents: bytes  # of the file
    parameters: tuple[NamedTensor, ...]  # of the model that was saved
    loaded: tuple[NamedTensor, ...]  # of the model that was loaded

    @property
    def file_name(self) -> str:
        return FILE_NAMES[self.way]


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A line that came from a user's file."""

    way: Way
    weight: float
    bias: float
    parameters: tuple[NamedTensor, ...]
