"""What a network takes photos for. Runs in the helper process; keeps the networks it was asked for last."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from core import devices
from core.data.decoding.photo import read_photo
from core.data.transforms import own_evaluation
from core.errors import PhotoError, WeightsError
from core.models import build, catalog, heads, imagenet
from core.models.gate.headers import read_headers
from core.predict.answers import TOP, Answer, Guess, NetworkRef
from core.predict.photos import as_jpeg, thumbnail
from core.training.checkpoints import TrainedNetwork, is_checkpoint, load_network
from core.words import shown

_NETWORKS_KEPT = 2  # in each of a few processes
_BATCH = 16
_NO_NUMBER = (
    "{name} has no answer: what the network computes for it is not a number. Its weights are damaged or far too large; "
    "choose another network."
)


def predict(ref: NetworkRef, photos: Sequence[tuple[str, bytes]]) -> list[Answer]:
    """An answer to each (file name, contents), in their order: a file that is no photo costs only its own answer.

    Computed in float32 without TF32, through the same transform as validation.

    Raises:
        WeightsError: the network cannot be had.
    """
    network, device = _load(ref)
    answers: dict[int, Answer] = {}
    inputs: dict[int, Tensor] = {}
    for index, (name, contents) in enumerate(photos):
        try:
            photo = read_photo(name, contents)
        except PhotoError as error:
            answers[index] = Answer(name=name, problem=str(error))
            continue
        except MemoryError:
            answers[index] = Answer(name=name, problem=f"{shown(name)} needs more memory than there is.")
            continue
        height, width, _ = photo.pixels.shape
        inputs[index] = network.transform.of_photo(photo.pixels, device)  # (1, 3, size, size)
        small = as_jpeg(thumbnail(photo.pixels))
        answers[index] = Answer(name=name, thumbnail=small, width=width, height=height, notes=photo.notes)
    readable = sorted(inputs)
    for start in range(0, len(readable), _BATCH):
        indices = readable[start : start + _BATCH]
        batch = torch.cat([inputs[index] for index in indices])  # (batch, 3, size, size)
        seen = network.transform.restore(batch)
        for row, (index, guesses) in enumerate(zip(indices, _guess(network, batch), strict=True)):
            known = answers[index]
            if not guesses:
                answers[index] = Answer(name=known.name, problem=_NO_NUMBER.format(name=shown(known.name)))
                continue
            seen_size = network.transform.image_size
            answers[index] = replace(known, guesses=guesses, seen=as_jpeg(seen[row]), seen_size=seen_size)
    return [answers[index] for index in range(len(photos))]


def warm(ref: NetworkRef) -> tuple[str, ...]:
    """Have the network ready for the first photo. Returns the names of its classes, in the order of its logits.

    Raises:
        WeightsError: the network cannot be had.
    """
    network, device = _load(ref)
    size = network.transform.image_size
    _guess(network, torch.zeros(1, 3, size, size, device=device))
    return network.classes


def check(ref: NetworkRef) -> str | None:
    """What is wrong with the file of a network, in one sentence, or None. For a process of its own."""
    try:
        _read(ref)
    except WeightsError as error:
        return str(error)
    return None


def _guess(network: TrainedNetwork, batch: Tensor) -> list[tuple[Guess, ...]]:
    """The likeliest classes of each of (batch, 3, size, size) inputs, best first; none where no number comes out."""
    with torch.inference_mode(), devices.exact_float32(batch.device):
        logits = network.model(batch.contiguous(memory_format=devices.memory_format(batch.device)))
        probabilities = logits.double().softmax(dim=1)  # (batch, classes)
        top = probabilities.topk(min(TOP, probabilities.shape[1]))
    return [
        tuple(
            Guess(class_name=network.classes[label], probability=value)
            for value, label in zip(values, labels, strict=True)
            if value == value  # one logit that is not a number makes all of them so
        )
        for values, labels in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]


@lru_cache(maxsize=_NETWORKS_KEPT)
def _load(ref: NetworkRef) -> tuple[TrainedNetwork, torch.device]:
    """The network in eval mode, on the fastest device."""
    device = devices.get_device("auto")
    network = _read(ref)
    network.model.to(device, memory_format=devices.memory_format(device))  # type: ignore[call-overload]
    return network, device


def _read(ref: NetworkRef) -> TrainedNetwork:
    path = Path(ref.path)
    if ref.source == "checkpoint" or (ref.source == "file" and is_checkpoint(read_headers(path))):
        return load_network(path)
    known = catalog.ARCHITECTURES[ref.architecture]
    is_file = ref.source == "file"
    model = build.build_from_file(ref.architecture, path) if is_file else build.build_pretrained(ref.architecture)
    return TrainedNetwork(
        model=model.eval(),
        classes=_class_names(len(heads.get_head(model, ref.architecture).weight)),
        transform=own_evaluation(known),
    )


def _class_names(num_classes: int) -> tuple[str, ...]:
    """ImageNet's names where there are as many classes, else numbers: a state dict does not name its classes."""
    if num_classes == len(imagenet.CLASSES):
        return imagenet.CLASSES
    return tuple(f"class {index}" for index in range(num_classes))
