"""The loop that a user would otherwise write by hand: the yardstick for the speed of training.

    python -m tests.bench.plain_loop [--images 960] [--model alexnet] [--mode full] [--crops middle] [--device cpu]

The bundled photos, RandomResizedCrop to 224 by Pillow in two loader workers, batches of 32, float32,
SGD(lr=1e-4, momentum=0.9, weight_decay=1e-2), cross-entropy, `loss.item()` every step. With the crops “middle”, photos
are only resized. Prints images a second.
"""

import argparse
import time

import torch
import torchvision.models
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from core.data.bundled import BUNDLED
from core.models.catalog import ARCHITECTURES

_CROPS = {"random": transforms.RandomResizedCrop, "middle": transforms.Resize}


class Photos(Dataset):
    """The first images of the bundled training set, cropped as the course does it, or whole."""

    def __init__(self, num_images: int, *, crops: str, image_size: int) -> None:
        data_set = BUNDLED["cifar10_sample"].load()
        rows = data_set.manifest.recorded("train")[:num_images]
        self.images, self.labels = [data_set.pixels[row] for row in rows], data_set.manifest.labels[rows]
        normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.transform = transforms.Compose([_CROPS[crops]((image_size, image_size)), transforms.ToTensor(), normalize])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def network_of(model: str, mode: str) -> nn.Module:
    """A network with random weights and a new head for ten classes."""
    torch.manual_seed(0)
    network = torchvision.models.get_model(model)
    network.requires_grad_(mode == "full")
    parent, _, name = ARCHITECTURES[model].head.rpartition(".")
    setattr(network.get_submodule(parent), name, nn.Linear(ARCHITECTURES[model].head_features, 10))
    return network.train()


def train(photos: Photos, *, model: str, mode: str, device: str) -> float:
    """One epoch. Returns images a second."""
    network = network_of(model, mode).to(device)
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=1e-4, momentum=0.9, weight_decay=1e-2)
    criterion = nn.CrossEntropyLoss()
    started = time.perf_counter()
    for images, labels in DataLoader(photos, batch_size=32, shuffle=True, num_workers=2):
        loss = criterion(network(images.to(device)), labels.to(device))
        loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return len(photos) / (time.perf_counter() - started)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the training loop that one writes by hand.")
    parser.add_argument("--images", type=int, default=960)
    parser.add_argument("--model", choices=("alexnet", "resnet18"), default="alexnet")
    parser.add_argument("--mode", choices=("full", "frozen"), default="full")
    parser.add_argument("--crops", choices=_CROPS, default="random")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    photos = Photos(arguments.images, crops=arguments.crops, image_size=arguments.image_size)
    print(train(photos, model=arguments.model, mode=arguments.mode, device=arguments.device))
