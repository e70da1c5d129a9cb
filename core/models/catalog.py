"""Which networks there are, in one literal table. Never imports torch, so that pages can read it.

Adding an architecture is one entry here, and its constructor in `core.models.build` if torchvision has none.
"""

from dataclasses import dataclass

Channels = tuple[float, float, float]

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
    weights_package: bool = False  # the weights come with an installed package
    image_size: int | None = None  # the only input size that fits, if there is one
    min_image_size: int = 32
    eval_size: int = 224  # to which the weights' own evaluation crops
    eval_crop_fraction: float = 0.875  # of the photo's shorter side

    @property
    def has_pretrained(self) -> bool:
        """Whether there are ImageNet weights for it."""
        return self.weights_package or self.weights_url is not None


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
        weights_package=True,
    ),
    "resnet18": Architecture(
        label="ResNet-18",
        description="The classic residual network, 18 layers deep. Downloads 45 MB of weights once.",
        head="fc",
        head_features=512,
        parameters=11_689_512,
        weights_url="https://download.pytorch.org/models/resnet18-f37072fd.pth",
    ),
    "alexnet": Architecture(
        label="AlexNet",
        description="The network that started it in 2012, and the course's example. Downloads 233 MB of weights once.",
        head="classifier.6",
        head_features=4096,
        parameters=61_100_840,
        min_image_size=63,  # below, its last pooling has nothing left; torchvision's own limit
        weights_url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
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
