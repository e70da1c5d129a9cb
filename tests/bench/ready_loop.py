"""The loop that only computes, on tensors that are ready: what no training of the same network can be faster than.

    python -m tests.bench.ready_loop [--steps 30] [--model alexnet] [--image-size 224] [--device cpu]

Full training in batches of 32, in the precision, the memory format and with the fused optimizer that are fastest on the
device. Nothing is read, made, moved, reported or saved. Prints images a second, those of the first step left out.
"""

import argparse
import time

import torch
from torch import nn

from core import devices
from tests.bench.plain_loop import network_of

_BATCH = 32
_READY = 4  # batches, which take turns


def train(*, model: str, steps: int, image_size: int, device: torch.device) -> float:
    """So many steps. Returns images a second."""
    layout = devices.memory_format(device)
    network = network_of(model, "full").to(device, memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-2, fused=True)
    criterion, precision = nn.CrossEntropyLoss(), devices.default_precision(device)
    images = [
        torch.randn(_BATCH, 3, image_size, image_size, device=device).contiguous(memory_format=layout)
        for _ in range(_READY)
    ]
    labels = torch.randint(10, (_BATCH,), device=device)
    started = 0.0
    for step in range(steps):
        optimizer.zero_grad()
        with devices.autocast(device, precision):
            loss = criterion(network(images[step % _READY]), labels)
        loss.backward()
        optimizer.step()
        if step == 0:
            loss.item()  # an accelerator is done by then
            started = time.perf_counter()
    loss.item()
    return _BATCH * (steps - 1) / (time.perf_counter() - started)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time what a training computes, and nothing else.")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--model", choices=("alexnet", "resnet18"), default="alexnet")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    print(
        train(
            model=arguments.model,
            steps=arguments.steps,
            image_size=arguments.image_size,
            device=torch.device(arguments.device),
        )
    )
