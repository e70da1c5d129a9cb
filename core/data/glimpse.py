"""What the first steps of a training will see of a data set: the very crops, as pictures."""

import numpy as np
import torch
from numpy.typing import NDArray

from core.data import library
from core.data.batches import Batches
from core.data.crops import crop_stream
from core.data.gather import Gatherer
from core.data.transforms import EvaluationTransform
from core.models.catalog import ARCHITECTURES


def crops(key: str, architecture: str, image_size: int, seed: int, step: int, is_random: bool) -> NDArray[np.uint8]:
    """(32, image_size, image_size, 3) pixels of a step's batch, as that network reads it; fewer of a small set.

    Raises:
        DataSetError: there is no such data set, or it is damaged.
    """
    data_set, known = library.load(key), ARCHITECTURES[architecture]
    rows = data_set.manifest.rows("train", seed=seed)
    batches = Batches(num_photos=len(rows), batch_size=32, seed=seed)
    photos = Gatherer(data_set.pixels, torch.device("cpu"))(rows[batches.rows(step)])
    transform = EvaluationTransform(
        image_size=image_size, resize_size=image_size, kernel=known.kernel, mean=known.mean, std=known.std
    )
    stream = crop_stream(seed=seed, step=step)
    seen = transform.restore(transform.random_resized_crops(photos, stream) if is_random else transform(photos))
    library.forget()  # nobody tells this process when a set is removed, whose room on the disk it would keep
    return seen
