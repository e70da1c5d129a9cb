"""CIFAR as it is published: every layout of it gives the same photos, and what is not as published is refused."""

import contextlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.sources.cifar import DOWNLOADS, Cifar, recognise
from core.data.sources.pickles import read_pickle
from core.errors import DataSetError

PHOTOS = 5  # per batch
NAMES_10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
NAMES_100 = [f"thing_{number:02d}" for number in range(100)]
BATCHES_10 = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def photos_of(seed: int, count: int, num_classes: int) -> tuple[list[int], np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, num_classes, count).tolist(), rng.integers(0, 256, (count, 3_072), np.uint8)


def python_2(value: object) -> bytes:
    """As `cPickle.dumps(value, 2)` of Python 2 writes text, lists, dicts, small numbers and arrays of bytes."""
    if isinstance(value, bytes):
        return b"U" + bytes([len(value)]) + value
    if isinstance(value, int):
        return b"M" + value.to_bytes(2, "little")
    if isinstance(value, list):
        return b"]q\x01(" + b"".join(map(python_2, value)) + b"e"
    if isinstance(value, dict):
        return b"}q\x02(" + b"".join(python_2(key) + python_2(item) for key, item in value.items()) + b"u"
    assert isinstance(value, np.ndarray)
    dtype = b"cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    rows, columns = (number.to_bytes(4, "little") for number in value.shape)
    pixels = b"T" + value.size.to_bytes(4, "little") + value.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x07"
    return array + b"(K\x01J" + rows + b"J" + columns + b"\x86" + dtype + b"\x89" + pixels + b"tb"


def by_python_2(value: object) -> bytes:
    return b"\x80\x02" + python_2(value) + b"."


def by_python_3(value: object) -> bytes:
    return pickle.dumps(value, protocol=2)


def binary_10(folder: str = "cifar-10-batches-bin/") -> dict[str, bytes]:
    files = {f"{folder}batches.meta.txt": ("\n".join(NAMES_10) + "\n\n").encode()}
    for seed, name in enumerate(BATCHES_10):
        labels, pixels = photos_of(seed, PHOTOS, 10)
        rows = zip(labels, pixels, strict=True)
        files[f"{folder}{name}.bin"] = b"".join(bytes([label]) + row.tobytes() for label, row in rows)
    return files


def python_10(dumps: Callable[[object], bytes] = by_python_2, folder: str = "cifar-10-batches-py/") -> dict[str, bytes]:
    names = [name.encode() for name in NAMES_10]
    files = {f"{folder}batches.meta": dumps({b"num_cases_per_batch": 10_000, b"label_names": names, b"num_vis": 3_072})}
    for seed, name in enumerate(BATCHES_10):
        labels, pixels = photos_of(seed, PHOTOS, 10)
        filenames = [b"photo.png"] * PHOTOS
        batch = {b"batch_label": b"training batch", b"labels": labels, b"data": pixels, b"filenames": filenames}
        files[f"{folder}{name}"] = dumps(batch)
    return files


def binary_100() -> dict[str, bytes]:
    files = {"fine_label_names.txt": "\n".join(NAMES_100).encode(), "coarse_label_names.txt": b"all"}
    for seed, (name, count) in enumerate({"train.bin": 5 * PHOTOS, "test.bin": PHOTOS}.items()):
        labels, pixels = photos_of(seed, count, 100)
        rows = zip(labels, pixels, strict=True)
        files[name] = b"".join(bytes([7, label]) + row.tobytes() for label, row in rows)
    return files


def python_100(dumps: Callable[[object], bytes] = by_python_2) -> dict[str, bytes]:
    names = [name.encode() for name in NAMES_100]
    files = {"c/meta": dumps({b"fine_label_names": names, b"coarse_label_names": [b"all"]}), "c/file.txt~": b""}
    for seed, (name, count) in enumerate({"train": 5 * PHOTOS, "test": PHOTOS}.items()):
        labels, pixels = photos_of(seed, count, 100)
        batch = {b"coarse_labels": [7] * count, b"fine_labels": labels, b"data": pixels}
        files[f"c/{name}"] = dumps(batch)
    return files


def known(files: dict[str, bytes]) -> Cifar:
    cifar = recognise(list(files), photos_per_batch=PHOTOS)
    assert cifar is not None
    return cifar


def read_all(files: dict[str, bytes]) -> tuple[list[str], list[int], np.ndarray]:
    """Class names and labels of all photos, and their pixels."""
    cifar = known(files)
    reading, blocks = cifar.reading(files.__getitem__), list(cifar.photos(files.__getitem__))
    labels = np.concatenate([block.labels for block in blocks]).tolist()
    names = [item.class_name for item in reading.items]
    assert [reading.classes[label] for label in labels] == names
    return names, labels, np.concatenate([block.pixels for block in blocks])


@pytest.mark.parametrize(
    "files", [binary_10(), binary_10(""), python_10(), python_10(by_python_3), python_10(folder="")]
)
def test_cifar_10_in_every_layout(files: dict[str, bytes]) -> None:
    reading = known(files).reading(files.__getitem__)
    assert reading.sentence == "CIFAR-10: 10 classes, 25 photos to train on and 5 kept as the test set."
    assert reading.classes == tuple(NAMES_10)
    assert [item.given for item in reading.items] == ["train"] * 25 + ["test"] * 5
    assert reading.items[7].path.startswith("data_batch_2")
    assert reading.items[7].path.endswith("#00002")
    assert len({item.path for item in reading.items}) == 30
    assert not any(item.group for item in reading.items)
    assert not reading.left_out
    _, labels, pixels = read_all(files)
    expected = [photos_of(seed, PHOTOS, 10) for seed in range(6)]
    assert labels == [label for batch, _ in expected for label in batch]
    planes = np.concatenate([planes for _, planes in expected]).reshape(-1, 3, 32, 32)
    assert pixels.shape == (30, 32, 32, 3)
    assert (pixels.transpose(0, 3, 1, 2) == planes).all()


@pytest.mark.parametrize("files", [binary_100(), python_100(), python_100(by_python_3)])
def test_cifar_100_in_every_layout_has_its_fine_classes(files: dict[str, bytes]) -> None:
    reading = known(files).reading(files.__getitem__)
    assert reading.sentence == "CIFAR-100: 100 classes, 25 photos to train on and 5 kept as the test set."
    assert not reading.left_out
    _, labels, pixels = read_all(files)
    expected = [photos_of(0, 25, 100), photos_of(1, 5, 100)]
    assert labels == expected[0][0] + expected[1][0]
    assert (pixels[25:].transpose(0, 3, 1, 2).reshape(5, -1) == expected[1][1]).all()


def test_classes_are_sorted_and_labels_follow() -> None:
    files = binary_10()
    before, _, pixels = read_all(files)
    files["cifar-10-batches-bin/batches.meta.txt"] = "\n".join(NAMES_10[::-1]).encode()
    after, _, same = read_all(files)
    assert [NAMES_10[9 - NAMES_10.index(name)] for name in after] == before
    assert (same == pixels).all()


def test_other_folders_are_not_cifar() -> None:
    assert recognise([]) is None
    assert recognise(["train/cat/1.jpg", "test/cat/1.jpg", "meta"]) is None
    assert recognise(["a/batches.meta", "b/data_batch_1"]) is None
    assert recognise(["xbatches.meta.txt", "data_batch_1.bin"]) is None


def test_most_complete_of_several_is_taken_and_the_rest_left_out() -> None:
    files = {**python_10(), **binary_10(), "notes.txt": b"", ".DS_Store": b"", "cifar-10-batches-bin/readme.html": b""}
    del files["cifar-10-batches-py/data_batch_3"]
    cifar = known(files)
    assert cifar.folder == "cifar-10-batches-bin/"
    left_out = cifar.reading(files.__getitem__).left_out
    assert "notes.txt" in left_out
    assert "cifar-10-batches-py/data_batch_1" in left_out
    assert len(left_out) == 7


def test_what_is_read_is_bounded() -> None:
    for make in (binary_10, python_10, binary_100, python_100):
        files = make()
        most = known(files).files
        assert all(len(files[path]) <= most[path] for path in most)
        for path in most:
            with pytest.raises(DataSetError, match=Path(path).name):
                read_all({**files, path: b"x" * (most[path] + 1)})


def refused(files: dict[str, bytes]) -> str:
    with pytest.raises(DataSetError) as caught:
        read_all(files)
    return str(caught.value)


def test_missing_batch_is_named() -> None:
    files = binary_10()
    del files["cifar-10-batches-bin/data_batch_3.bin"]
    assert refused(files) == (
        "CIFAR-10 is not complete: “cifar-10-batches-bin/data_batch_3.bin” is missing. Unpack its archive again."
    )


def test_file_that_is_not_as_published_is_named() -> None:
    path = "cifar-10-batches-bin/test_batch.bin"
    assert refused({**binary_10(), path: b"x" * 100}) == (
        f"“{path}” is not as CIFAR-10 is published: it has 100 bytes instead of 15,365. "
        "Unpack or download its archive again."
    )
    assert "it has the label 120" in refused({**binary_10(), path: b"x" * 5 * 3_073})


@pytest.mark.parametrize("names", [b"", b"cat\ndog", b"\xff\xfe\x00", b"\n".join([b"cat"] * 10)])
def test_names_that_cannot_be_are_refused(names: bytes) -> None:
    assert "batches.meta.txt" in refused({**binary_10(), "cifar-10-batches-bin/batches.meta.txt": names})
    assert "batches.meta" in refused({**python_10(), "cifar-10-batches-py/batches.meta": names})
    for wrong in ({b"label_names": [3] * 10}, {b"label_names": 3}, {b"names": [names]}, [names]):
        assert "batches.meta" in refused({**python_10(), "cifar-10-batches-py/batches.meta": by_python_2(wrong)})


LABELS, PIXELS = photos_of(0, PHOTOS, 10)


@pytest.mark.parametrize(
    "batch",
    [
        {b"labels": [*LABELS[:-1], 10], b"data": PIXELS},
        {b"labels": [*LABELS[:-1], 300], b"data": PIXELS},
        {b"labels": LABELS[:-1], b"data": PIXELS},
        {b"labels": [b"1"] * PHOTOS, b"data": PIXELS},
        {b"labels": 3, b"data": PIXELS},
        {b"labels": LABELS},
        {b"data": PIXELS},
        {b"labels": LABELS, b"data": PIXELS[:-1]},
        {b"labels": LABELS, b"data": PIXELS.reshape(-1, 1)},
        {b"labels": LABELS, b"data": b"pixels"},
        [],
    ],
)
@pytest.mark.parametrize("dumps", [by_python_2, by_python_3])
def test_batch_with_other_contents_is_named(batch: object, dumps: Callable[[object], bytes]) -> None:
    assert "data_batch_1" in refused({**python_10(), "cifar-10-batches-py/data_batch_1": dumps(batch)})


class Runs:
    """Whoever unpickles it with pickle makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_hostile_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    for protocol in range(6):
        path = tmp_path / str(protocol)
        data = pickle.dumps({b"labels": Runs(path)}, protocol=protocol)
        assert "data_batch_1" in refused({**python_10(), "cifar-10-batches-py/data_batch_1": data})
        assert not path.exists()
        pickle.loads(data)
        assert path.exists(), "the test would prove nothing"


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
U1 = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"


@pytest.mark.parametrize(
    "program",
    [
        b"cos\nsystem\nU\x02ls\x85R",
        b"cbuiltins\neval\nU\x011\x85R",
        b"cnumpy\nndarray\nM\xff\xff\x85R",  # an array of any size
        ARRAY + b"(K\x01J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86" + U1 + b"\x89U\x00tb",  # that it claims to be huge
        ARRAY + b"(K\x01K\x01\x85" + U1 + b"\x89" + b"tb",  # no bytes
        ARRAY + b"(K\x01K\x01\x85" + U1 + b"\x88U\x01xtb",  # by columns
        ARRAY + b"(K\x01K\x01\x85cnumpy\ndtype\nU\x02O8\x85R\x89U\x08xxxxxxxxtb",  # of pointers
        b"T\xff\xff\xff\xffx",
        b"\x8a\xff",
        b"r\xff\xff\xff\xff",
        b"]r\xff\xff\xff\xff",
        b"(" * 10_000,
        b"]" + b"\x85" * 10_000,
        b"]" * 10_001 + b"a" * 10_000,
        b"}]K\x01s",  # a list as a name
        b"}]e",
        b"]K\x01b",
        b"K\x01K\x02R",
        b"K\x01K\x01a",
        b"\x80\x04",
        b"\x87",
        b"cnumpy\n",
        b"c_codecs\nencode\n(X\x01\x00\x00\x00xX\x05\x00\x00\x00utf-7tR",
        b"P123\n",
        b"",
    ],
)
def test_programs_that_such_files_do_not_have_are_refused(program: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        read_pickle(b"\x80\x02" + program + b".")


def test_endless_programs_end() -> None:
    text = (
        b"c_codecs\nencode\nq\x01X"
        + (10_000).to_bytes(4, "little")
        + b"x" * 10_000
        + b"X\x06\x00\x00\x00latin1\x86q\x02"
    )
    with pytest.raises(ValueError, match="again and again"):
        read_pickle(b"\x80\x02" + text + b"h\x01h\x02R" * 10_000 + b".")
    with pytest.raises(ValueError, match="too many steps"):
        read_pickle(b"\x80\x02" + b"N" * 2_100_000 + b".")


@given(
    st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda tail: by_python_2({b"a": [1]})[:-2] + tail))
)
def test_garbage_is_refused_in_words_or_read(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(read_pickle(data), dict)


@given(st.data())
def test_changed_byte_of_a_batch_never_ends_in_another_error(data: st.DataObject) -> None:
    files = python_10()
    path = data.draw(st.sampled_from(sorted(files)))
    changed = bytearray(files[path])
    at = data.draw(st.integers(0, len(changed) - 1) | st.integers(0, min(400, len(changed) - 1)))
    changed[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataSetError):
        read_all({**files, path: bytes(changed)})


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy computer draws slowly
@given(
    st.dictionaries(
        st.sampled_from([b"data", b"labels", b""]),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=9) | st.binary(max_size=9),
            lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple),
            max_leaves=10,
        ),
    )
)
def test_python_3_reads_the_same(value: dict) -> None:
    expected = {key.decode(): item for key, item in value.items()}
    assert read_pickle(by_python_3(value)) == expected


def test_downloads_are_those_of_the_official_page() -> None:
    for name, download in DOWNLOADS.items():
        assert download.url.startswith("https://www.cs.toronto.edu/~kriz/cifar-10")
        assert (len(download.md5), len(download.sha256)) == (32, 64), name
