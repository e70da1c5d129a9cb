"""Fine-tuning as one writes it with PyTorch Lightning: what ours is compared with. Knows nothing of Unfreeze.

    python -P tests/bench/lightning_script.py --photos FOLDER [--mode full] [--epochs 1] [--precision 32-true]

ResNet-18 with a new last layer, on photos in a folder for each class: resized by torchvision in two loader workers,
batches of 32, SGD with momentum. With “frozen”, the new layer alone learns, behind a backbone in eval mode and without
gradients. No logger, no checkpoints, no progress bar. Prints images a second.
"""

import argparse
import logging
import time
import warnings

import lightning as L  # noqa: N812 - as its documentation has it
import torch
import torchvision.models
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder


class FineTuning(L.LightningModule):  # type: ignore[misc]
    """A backbone, and a new head for as many classes."""

    def __init__(self, num_classes: int, *, mode: str, learning_rate: float) -> None:
        super().__init__()
        self.backbone = torchvision.models.resnet18()
        self.head = nn.Linear(self.backbone.fc.in_features, num_classes)
        self.backbone.fc = nn.Identity()
        self.is_frozen, self.learning_rate = mode == "frozen", learning_rate
        self.backbone.requires_grad_(not self.is_frozen)

    def on_train_epoch_start(self) -> None:
        """A frozen backbone stays as it is, its BatchNorm too."""
        self.backbone.train(not self.is_frozen)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """The loss of a batch."""
        images, labels = batch
        with torch.set_grad_enabled(not self.is_frozen):
            features = self.backbone(images)
        return functional.cross_entropy(self.head(features), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """For what learns."""
        learning = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return torch.optim.SGD(learning, lr=self.learning_rate, momentum=0.9, weight_decay=1e-2)


class Watch(L.Callback):  # type: ignore[misc]
    """Seconds from the start of training to its end."""

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Everything is built by now, and on its device."""
        self._began = time.perf_counter()

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """An accelerator may still be at work."""
        if module.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds = time.perf_counter() - self._began


def main() -> None:
    """Train, and say how fast."""
    parser = argparse.ArgumentParser(description="Time fine-tuning with PyTorch Lightning.")
    parser.add_argument("--photos", required=True)
    parser.add_argument("--mode", choices=("full", "frozen"), default="full")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-2)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    transform = transforms.Compose(
        [
            transforms.Resize((arguments.image_size, arguments.image_size)),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    photos = ImageFolder(arguments.photos, transform)
    loader = DataLoader(photos, batch_size=32, shuffle=True, num_workers=2, persistent_workers=True)
    device = torch.device(arguments.device)
    watch = Watch()
    trainer = L.Trainer(
        max_epochs=arguments.epochs,
        accelerator="cpu" if device.type == "cpu" else "gpu",
        devices=1 if device.type == "cpu" else [device.index or 0],
        precision=arguments.precision,
        callbacks=[watch],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = FineTuning(len(photos.classes), mode=arguments.mode, learning_rate=arguments.learning_rate)
    trainer.fit(module, loader)
    print(arguments.epochs * len(photos) / watch.seconds)


if __name__ == "__main__":
    main()
