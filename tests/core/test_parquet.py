"""Tables in Parquet: they say what the same table says as text, whatever its columns are made of."""

import contextlib
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.sources import parquet
from core.errors import DataSetError
from tests.core.test_tables import FILES, first, in_parquet, labels, read, refused

TEXT_TYPES = [
    pa.string(),
    pa.large_string(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.large_string()),
]


@pytest.mark.parametrize("kind", TEXT_TYPES)
def test_parquet_has_text_of_many_types(kind: pa.DataType) -> None:
    data = in_parquet(
        image_id=pa.array(["a", "b", "c", None]).cast(kind),
        label=pa.array([" cat", "dog", None, "cat"]).cast(kind),
        nested=[[1], [2], [], None],
        when=pa.array([1, 2, 3, 4], pa.timestamp("s")),
    )
    reading = first(data, name="t.parquet")
    assert labels(reading) == {"images/a.jpg": "cat", "images/b.jpg": "dog"}
    assert reading.sentence == (
        "2 classes from the column “label” of t.parquet; 1 row names a file that is not there; 1 file has no label; "
        "1 file is in no row."
    )


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (pa.array([3, 10, 3], pa.int64()), ("10", "3")),
        (pa.array([3, 10, 3], pa.uint8()), ("10", "3")),
        (pa.array([1.0, 2.5, float("nan")]), ("1", "2.5")),
        (pa.array([1.0, float("inf"), None], pa.float32()), ("1", "inf")),
        (pa.array([True, False, None]), ("false", "true")),
        (pa.array([3, 10, 3]).dictionary_encode(), ("10", "3")),
    ],
)
def test_parquet_has_numbers_as_people_write_them(values: pa.Array, classes: tuple[str, ...]) -> None:
    assert first(in_parquet(path=["a", "b", "c"], label=values), name="t.parquet").classes == classes


def test_parquet_of_pandas_with_its_index() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"image": ["a.jpg", "b.jpg"], "kind": pandas.Categorical(["cat", "dog"])}, index=[7, 9])
    assert labels(first(frame.to_parquet(), name="t.parquet")) == {"images/a.jpg": "cat", "images/b.jpg": "dog"}


def test_parquet_that_cannot_be_used_is_refused_in_words() -> None:
    nested = in_parquet(image=[{"bytes": b"x", "path": "a"}], label=[1])
    assert refused(nested, name="t.parquet") == (
        "The column “image” of t.parquet holds nested values. Name the column with each photo's path “path”."
    )
    dates = in_parquet(path=["a"], label=pa.array([1], pa.timestamp("s")), more=["x"], other=["y"])
    assert "holds neither text nor numbers" in refused(dates, name="t.parquet")
    assert "endless text" in refused(in_parquet(path=["a"], label=["x" * 200_000]), name="t.parquet")
    twice = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["path", "path"]), twice)
    assert "2 columns of the name “path”" in refused(twice.getvalue(), name="t.parquet")
    wide = in_parquet(**{f"c{number}": [1] for number in range(1_001)})
    assert "more than 1,000 columns" in refused(wide, name="t.parquet")
    assert "has no rows" in refused(in_parquet(path=pa.array([], pa.string()), label=pa.array([], pa.string())))


def test_parquet_that_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    long = pa.table({"path": ["a"] * 1_000, "label": ["x" * 1_000] * 1_000})
    pq.write_table(long, file, compression="zstd", use_dictionary=False)
    assert len(file.getvalue()) < 10_000
    assert first(file.getvalue(), name="t.parquet").classes == ("x" * 1_000,)
    monkeypatch.setattr(parquet, "_MAX_UNPACKED", 1_000_000)
    assert refused(file.getvalue(), name="t.parquet").startswith("t.parquet unpacks to more than 1 MB.")


def test_long_word_that_many_rows_share_is_kept_once() -> None:
    word = "x" * 100_000
    labels_of_all = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), [word])
    paths = [f"{number}.jpg" for number in range(100_000)]
    reading = first(in_parquet(path=paths, label=labels_of_all), paths[:10], "t.parquet")  # 10 GB, were it unfolded
    assert reading.classes == (word,)


SOUND = in_parquet(path=["a", "b", "c"], label=["x", "y", "x"], split=["train", "test", ""])


# The same examples every time: what pyarrow may do at worst is to end the process.
@settings(derandomize=True)
@given(st.data())
def test_changed_bytes_of_parquet_never_end_in_another_error(data: st.DataObject) -> None:
    changed = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataSetError):
        assert read(bytes(changed), FILES, "t.parquet")
