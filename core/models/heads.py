"""The last layer of a network: finding, replacing and isolating it. Knows nothing of weights files."""

import hashlib

import torch
from torch import nn
from torch.nn import functional

from core.models import catalog

Head = nn.Linear | nn.Conv2d  # SqueezeNet's is a 1x1 convolution


def drop_features(head: Head, share: float) -> None:
    """From now on, while the head learns, leave out that share of its inputs at random. Its names stay as they are."""
    head.register_forward_pre_hook(
        lambda module, inputs: (functional.dropout(inputs[0], share, training=module.training), *inputs[1:])
    )


def get_head(model: nn.Module, architecture: str) -> Head:
    """The layer that turns features into logits."""
    head = model.get_submodule(catalog.ARCHITECTURES[architecture].head)
    assert isinstance(head, Head), f"{architecture}: {type(head).__name__}"
    return head


def replace_head(model: nn.Module, architecture: str, num_classes: int, *, seed: int) -> Head:
    """Put a fresh head for `num_classes` classes in place, and return it. The same seed gives the same head."""
    old = get_head(model, architecture)
    has_bias = old.bias is not None
    head: Head
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(old, nn.Linear):
            head = nn.Linear(old.in_features, num_classes, bias=has_bias)
        else:
            head = nn.Conv2d(old.in_channels, num_classes, kernel_size=1, bias=has_bias)
    parent_name, _, name = catalog.ARCHITECTURES[architecture].head.rpartition(".")
    setattr(model.get_submodule(parent_name), name, head)
    return head


def parameters_hash(module: nn.Module) -> str:
    """Twelve hexadecimal digits that stand for the module's parameters, to the last bit."""
    digest = hashlib.sha256()
    for parameter in module.parameters():
        digest.update(parameter.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
