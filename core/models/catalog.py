"""Which networks there are: what is special about some, and torchvision's table for the rest. Never imports torch.

Adding an architecture is one entry here, and its constructor in `core.models.build` if torchvision has none.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from core.models.torchvision_classifiers import CLASSIFIERS, HUB, Classifier
from core.words import size

Channels = tuple[float, float, float]
Kernel = Literal["bilinear", "bicubic"]  # how photos are resized, under torchvision's names
KERNELS: tuple[str, ...] = get_args(Kernel)

# Means and deviations of ImageNet's channels, which torchvision's weights were trained with (pixels from 0 to 1).
_IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
_IMAGENET_STD: Channels = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What is special about one network."""

    label: str
    description: str
    head: str  # dotted name of the last layer, which is replaced for new classes
    head_features: int  # what that layer reads
    parameters: int  # with `num_classes` classes
    num_classes: int = 1000
    mean: Channels = _IMAGENET_MEAN
    std: Channels = _IMAGENET_STD
    weights_url: str | None = None  # the hub's file
    weights_bytes: int = 0  # that it has, about
    weights_package: bool = False  # the weights come with an installed package
    image_size: int | None = None  # the only input size that fits, if there is one
    min_image_size: int = 32
    # The weights' own evaluation resizes a photo's shorter side to `eval_resize` and cuts out `eval_size` each way.
    eval_resize: int = 256
    eval_size: int = 224
    kernel: Kernel = "bilinear"
    head_bias: bool = True
    head_type: str = "Linear"  # or "Conv2d": a 1x1 convolution before the pooling

    @property
    def has_pretrained(self) -> bool:
        """Whether there are ImageNet weights for it."""
        return self.weights_package or self.weights_url is not None

    def head_parameters(self, num_classes: int) -> int:
        """Parameters of a head for so many classes."""
        return (self.head_features + self.head_bias) * num_classes

    def parameters_with(self, num_classes: int) -> int:
        """Parameters of the whole network with a head for so many classes."""
        return self.parameters - self.head_parameters(self.num_classes) + self.head_parameters(num_classes)


def _from_torchvision(row: Classifier, description: str | None = None) -> Architecture:
    """What torchvision's table says of a network."""
    num_bytes = 1_000_000 * row.megabytes
    # SWAG (Singh et al., 2022): https://github.com/facebookresearch/SWAG says so.
    licence = " They are for non-commercial use only (CC BY-NC 4.0)." if "swag" in row.weights_file else ""
    mean, std = row.channel_mean, row.channel_std
    return Architecture(
        label=row.label,
        description=description
        or f"{row.top1:.1f}% of ImageNet's photos right. Its weights take {size(num_bytes)}.{licence}",
        head=row.head,
        head_features=row.head_features,
        parameters=row.parameters,
        weights_url=HUB + row.weights_file,
        weights_bytes=num_bytes,
        image_size=row.image_size,
        min_image_size=row.min_image_size,
        eval_resize=row.eval_resize,
        eval_size=row.eval_size,
        kernel=row.kernel,
        head_bias=row.head_bias,
        head_type=row.head_type,
        mean=_IMAGENET_MEAN if mean is None else (mean, mean, mean),
        std=_IMAGENET_STD if std is None else (std, std, std),
    )


_TORCHVISION = {row.name: row for row in CLASSIFIERS}


ARCHITECTURES: dict[str, Architecture] = {
    "efficientnet_lite0": Architecture(
        label="EfficientNet-Lite0",
        description="Small and accurate. Its ImageNet weights are installed already: no download.",
        head="classifier.1",
        head_features=1280,
        parameters=4_652_008,
        # The weights expect (pixel - 127) / 128, for pixels from 0 to 255.
        mean=(127 / 255, 127 / 255, 127 / 255),
        std=(128 / 255, 128 / 255, 128 / 255),
        kernel="bicubic",
        weights_package=True,
    ),
    "resnet18": _from_torchvision(
        _TORCHVISION["resnet18"],
        "The classic residual network, 18 layers deep. Its weights take 47 MB.",
    ),
    "alexnet": _from_torchvision(
        _TORCHVISION["alexnet"],
        "The network that started it in 2012, and the course's example. Its weights take 244 MB.",
    ),
    "my_cnn": Architecture(
        label="MyCNN",
        description="The course's exercise: one convolution and one linear layer. It starts from random weights.",
        head="fc",
        head_features=16 * 222 * 222,
        parameters=7_885_898,
        num_classes=10,
        image_size=224,
    ),
}
# Those above come first in every list.
ARCHITECTURES |= {name: _from_torchvision(row) for name, row in _TORCHVISION.items() if name not in ARCHITECTURES}
