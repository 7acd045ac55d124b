"""Tables: planted rows become the features, targets and categories that they spell."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptm.encoding import one_hot
from ptm.errors import InputError
from ptm.model import Block

Make = Callable[..., Block]
# the file is written anew for each example, so a folder that is shared between them is no harm
SHARED_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows(content: Block) -> list[list[float]]:
    return content.tensors["features"].tolist()


def test_standardized(make: Make, write: Callable[..., None]) -> None:
    """1, 2, 3 has mean 2 and standard deviation 1 (n - 1), so it becomes -1, 0, 1."""
    write("a,b\n1,30\n2,10\n3,20\n")
    content = make("table", "t.csv")
    assert rows(content) == [[-1, 1], [0, -1], [1, 0]]
    assert content.tensors["features"].dtype == torch.float32
    assert content.scaler is not None
    assert (content.scaler.names, content.scaler.shift, content.scaler.scale) == (
        ("a", "b"),
        (2, 20),
        (1, 10),
    )


def test_not_standardized(make: Make, write: Callable[..., None]) -> None:
    """Without `standardize` the features are the numbers of the file, and there is no scaler."""
    write("a,b\n1,30\n-2.5e1,10\n")
    content = make("table", "t.csv", standardize=False)
    assert rows(content) == [[1, 30], [-25, 10]] and content.scaler is None


def test_the_table_is_not_scaled(make: Make, write: Callable[..., None]) -> None:
    """The rows behind the tensors stay as they are in the file, target included."""
    write("a,y\n1.5,0\n2.25,1\n")
    table = make("table", "t.csv", target="y", classes=2).rows
    assert table.to_pydict() == {"a": [1.5, 2.25], "y": [0, 1]}


def test_target_with_classes(make: Make, write: Callable[..., None]) -> None:
    """A target with classes is int64 and one-hot, and no feature; its column may be anywhere."""
    write("y,a\n2,1\n0,2\n1,3\n")
    content = make("table", "t.csv", target="y", classes=4)
    assert content.tensors["target"].dtype == torch.int64
    assert content.tensors["target"].tolist() == [2, 0, 1]
    assert content.tensors["target_onehot"].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    assert content.facts["features"] == ["a"]
    assert content.axes["target_onehot"] == ("sample", "class")


def test_target_without_classes(make: Make, write: Callable[..., None]) -> None:
    """A target without classes is float32 in its own unit, and has no one-hot."""
    write("a,y\n1,2.5\n2,-3\n")
    content = make("table", "t.csv", target="y")
    assert content.tensors["target"].dtype == torch.float32
    assert content.tensors["target"].tolist() == [2.5, -3]
    assert set(content.tensors) == {"features", "target"}


def test_ordinal_is_kept(make: Make, write: Callable[..., None]) -> None:
    """An ordinal column is a feature in its own numbers beside scaled ones, in the file's order."""
    write("rank,a\n5,1\n7,2\n6,3\n")
    content = make("table", "t.csv", measures={"rank": "ordinal"})
    assert rows(content) == [[5, -1], [7, 0], [6, 1]]
    assert content.facts["features"] == ["rank", "a"]
    assert content.scaler is not None and content.scaler.names == ("rank", "a")


def test_categorical(make: Make, write: Callable[..., None]) -> None:
    """A categorical column becomes one 0/1 feature for each category, in order of its text."""
    write("a,colour\n1,red\n2,white\n3,rosé\n")
    content = make("table", "t.csv", measures={"colour": "categorical"})
    assert content.facts["features"] == ["a", "colour=red", "colour=rosé", "colour=white"]
    assert rows(content) == [[-1, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0]]
    assert content.rows["colour"].to_pylist() == ["red", "white", "rosé"]
    assert content.facts["measures"] == {"a": "continuous", "colour": "categorical"}


def test_columns_pick_and_order(make: Make, write: Callable[..., None]) -> None:
    """`columns` says which columns are used and in which order; text in the others is no matter."""
    write("a,note,b\n1,x,3\n2,y,5\n")
    content = make("table", "t.csv", columns=("b", "a"), standardize=False)
    assert rows(content) == [[3, 1], [5, 2]]
    assert content.rows.column_names == ["b", "a"]


def test_inline_rows(make: Make, write: Callable[..., None]) -> None:
    """Rows in the catalog give what the same rows in a file give."""
    write("a,y\n1,2\n4,0\n9,1\n")
    options = {"target": "y", "classes": 3, "units": {"a": "mm"}}
    inline = make("table", columns=("a", "y"), rows=((1.0, 2.0), (4.0, 0.0), (9.0, 1.0)), **options)
    file = make("table", "t.csv", **options)
    assert inline.rows.equals(file.rows, check_metadata=True)
    assert inline.scaler == file.scaler
    assert all(torch.equal(inline.tensors[name], file.tensors[name]) for name in file.tensors)


def test_constant_column(make: Make, write: Callable[..., None]) -> None:
    """A column of one value becomes 0, not NaN, with a warning that names it."""
    write("a,b\n0.1,1\n0.1,2\n0.1,3\n")
    content = make("table", "t.csv")
    assert rows(content) == [[0, -1], [0, 0], [0, 1]]
    assert len(content.notes) == 1 and "'a'" in content.notes[0]


def test_one_row(make: Make, write: Callable[..., None]) -> None:
    """A table of one row has features of 0."""
    write("a,b\n7,8\n")
    assert rows(make("table", "t.csv")) == [[0, 0]]


@pytest.mark.parametrize(
    "text",
    [
        "a;b\r\n1;2\r\n3;4\r\n",
        "a;b\n1;2\n3;4",
        '"a";"b"\n1;2\n3;4\n',
        "a;b\n1;2\n\n3;4\n\n",
        "\ufeffa;b\n1;2\n3;4\n",
        "a;b\n 1 ;2.0\n3e0;+4\n",
    ],
    ids=["crlf", "no last line end", "quoted header", "blank lines", "mark", "spellings"],
)
def test_spellings_of_one_table(make: Make, write: Callable[..., None], text: str) -> None:
    """Line ends, quotes, blank lines, a byte order mark and spelling of numbers do not matter."""
    write(text)
    content = make("table", "t.csv", delimiter=";", standardize=False)
    assert content.rows.to_pydict() == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_delimiters(make: Make, write: Callable[..., None], delimiter: str) -> None:
    """Any single character may stand between the columns."""
    write(f"a{delimiter}b\n1{delimiter}2\n3{delimiter}4\n")
    assert rows(make("table", "t.csv", delimiter=delimiter, standardize=False)) == [[1, 2], [3, 4]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_encodings(make: Make, write: Callable[..., None], encoding: str) -> None:
    """Names and categories are read in the encoding that the source states."""
    write("größe,ort\n1,Köln\n2,Genève\n", encoding)
    content = make("table", "t.csv", encoding=encoding, measures={"ort": "categorical"})
    assert content.facts["features"] == ["größe", "ort=Genève", "ort=Köln"]


def test_utf_8_by_default(tmp_path: Path, make: Make) -> None:
    """A byte order mark is no part of the first column's name."""
    (tmp_path / "t.csv").write_bytes(codecs.BOM_UTF8 + b"a,b\n1,2\n")
    assert make("table", "t.csv").rows.column_names == ["a", "b"]


def test_units_and_measures_stand_in_the_metadata(make: Make, write: Callable[..., None]) -> None:
    """Each column of the table carries its measure, and its unit where it has one."""
    write("a,rank\n1,2\n3,4\n")
    schema = make("table", "t.csv", units={"a": "mm"}, measures={"rank": "ordinal"}).rows
    assert schema.field("a").metadata == {b"unit": b"mm", b"measure": b"continuous"}
    assert schema.field("rank").metadata == {b"measure": b"ordinal"}


@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=30),
    target=st.data(),
)
@SHARED_FOLDER
def test_scaler_undoes_the_features(make: Make, values: list[float], target: st.DataObject) -> None:
    """invert(features) is the column again; what varies has mean 0 and standard deviation 1."""
    ids = target.draw(st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)))
    pairs = tuple((value, float(i)) for value, i in zip(values, ids, strict=True))
    content = make("table", columns=("a", "y"), rows=pairs, target="y", classes=5)
    features = content.tensors["features"]
    assert content.scaler is not None and torch.isfinite(features).all()
    back = content.scaler.invert(features.double()).squeeze(1).numpy()
    assert back == pytest.approx(np.array(values), rel=1e-5, abs=1e-6 * np.ptp(values))
    if len(set(values)) > 1:
        assert features.double().mean().item() == pytest.approx(0, abs=1e-5)
        assert features.double().std().item() == pytest.approx(1, abs=1e-5)
    assert content.tensors["target_onehot"].sum(dim=1).tolist() == [1.0] * len(ids)
    assert content.tensors["target_onehot"].argmax(dim=1).tolist() == ids


@given(st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=1, max_size=9))
def test_one_hot_of_any_shape(ids: list[list[int]]) -> None:
    """Along the new last axis each row holds one 1, at the place of the id, and zeros."""
    hot = one_hot(torch.tensor(ids), 7)
    assert hot.shape == (len(ids), 3, 7) and hot.dtype == torch.float32
    assert hot.sum(dim=-1).eq(1).all() and ((hot == 0) | (hot == 1)).all()
    assert hot.argmax(dim=-1).tolist() == ids


@pytest.mark.parametrize("ids", [[3], [-1]])
def test_one_hot_refuses(ids: list[int]) -> None:
    """An id outside 0 ... size - 1 is an error, not a row of zeros."""
    with pytest.raises(RuntimeError):
        one_hot(torch.tensor(ids), 3)


# categories and features


def test_categories_in_the_catalog(make: Make, write: Callable[..., None]) -> None:
    """Numbers as categories have the same names inline and in a file."""
    write("a,b\n1,2\n2,1.5\n3,2\n")
    options = {"measures": {"b": "categorical"}}
    file = make("table", "t.csv", **options)
    inline = make("table", columns=("a", "b"), rows=((1.0, 2.0), (2.0, 1.5), (3.0, 2.0)), **options)
    assert inline.facts == file.facts and rows(inline) == rows(file)
    assert file.facts["features"] == ["a", "b=1.5", "b=2"]


def test_an_empty_category(make: Make, write: Callable[..., None]) -> None:
    """It is a missing value, named as an empty number is."""
    write("a,b\n1,x\n2,\n,y\n")
    with pytest.raises(InputError) as caught:
        make("table", "t.csv", measures={"b": "categorical"})
    assert str(caught.value).splitlines()[1:] == [
        "  row 3, column 'a': expected a number (or missing.a = \"median\"), got '' (t.csv)",
        "  row 2, column 'b': expected a category (or missing.b = \"category\"), got '' (t.csv)",
    ]


@pytest.mark.parametrize(
    ("header", "row", "feature"),
    [("b=x,b", "1,x", "b=x"), ("b,b=x", "x,1", "b=x"), ("a,a=b", "b=c,c", "a=b=c")],
)
def test_two_features_of_one_name(
    make: Make, write: Callable[..., None], header: str, row: str, feature: str
) -> None:
    """A column and a category, or two categories, may not have one name together."""
    write(f"{header}\n{row}\n{row}\n")
    measures = {
        name: "categorical"
        for name, value in zip(header.split(","), row.split(","), strict=True)
        if not value.isdigit()
    }
    with pytest.raises(InputError, match=f"features of different names, got '{feature}' twice"):
        make("table", "t.csv", measures=measures)


def test_many_categories_are_refused_in_time(
    make: Make, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 categories are refused before any memory is taken for them; the option is named."""
    write("a,b\n" + "".join(f"{n},k{n}\n" for n in range(20_000)))
    monkeypatch.setattr(np, "zeros", None)  # what the matrix is made with
    with pytest.raises(InputError) as caught:
        make("table", "t.csv", measures={"b": "categorical"})
    assert "column 'b': expected at most 10000 columns" in str(caught.value)
    assert "max_columns = 20000" in str(caught.value) and "(t.csv)" in str(caught.value)
    with pytest.raises(InputError, match=r"1.60 GB"):
        make("table", "t.csv", measures={"b": "categorical"}, max_columns=20_000)


def test_many_categories_are_made_in_time(make: Make, write: Callable[..., None]) -> None:
    """With the limit raised each category costs what it holds, and no more."""
    write("a,b\n" + "".join(f"{n},k{n % 12_000}\n" for n in range(1_200)))
    options = {"measures": {"b": "categorical"}, "max_columns": 12_000}
    features = make("table", "t.csv", **options).tensors["features"]
    assert features.shape == (1_200, 1_201)
    assert torch.equal(features[:, 1:].sum(dim=1), torch.ones(1_200))
    assert torch.equal(features[:, 1:].sum(dim=0), torch.ones(1_200))


def test_limits_of_encodings(make: Make, write: Callable[..., None]) -> None:
    """Each encoding, all of a table together, and classes have a limit of bytes."""
    write("a,b,c,y\n" + "".join(f"{n},{n},{n},{n % 10}\n" for n in range(100)))
    measures = {"b": "categorical", "c": "categorical"}
    with pytest.raises(InputError, match="2 faults"):
        make("table", "t.csv", measures=measures, max_bytes=39_999)
    with pytest.raises(InputError, match=r"2 categorical columns: .*max_bytes = 80000"):
        make("table", "t.csv", measures=measures, max_bytes=40_000)
    make("table", "t.csv", measures=measures, max_bytes=80_000)
    with pytest.raises(InputError, match=r"column 'y': .* max_columns = 20000"):
        make("table", "t.csv", target="y", classes=20_000)
    with pytest.raises(InputError, match=r"column 'y': .* max_bytes = 4000"):
        make("table", "t.csv", target="y", classes=10, max_bytes=3_999)


def test_classes_are_told_with_the_rest(make: Make, write: Callable[..., None]) -> None:
    """Values that are no class are counted, and told with what else is wrong."""
    write("b=x,b,y\n1,x,1\n2,x,10\n3,x,0.5\n4,x,-1\n")
    with pytest.raises(InputError) as caught:
        make("table", "t.csv", target="y", classes=3, measures={"b": "categorical"})
    told = str(caught.value)
    assert "row 2, column 'y': expected a class from 0 to 2, got 10, and 2 more" in told
    assert "'b=x' twice" in told


@pytest.mark.slow
def test_a_wide_table(make: Make, write: Callable[..., None]) -> None:
    """20,000 columns of its own are no encoding: they are read, in time, with one warning."""
    count = 20_000
    write("\n".join(",".join(f"{f(n)}" for n in range(count)) for f in WIDE) + "\n")
    start = time.process_time()
    content = make("table", "t.csv")
    assert time.process_time() - start < 6, "quadratic work took 14 s"
    assert content.tensors["features"].shape == (2, count)
    assert content.notes == (
        "2858 columns never vary and are 0 throughout: 'c0', 'c7', 'c14', 'c21', 'c28', 'c35', "
        "'c42', 'c49', 'c56', 'c63', 'c70', 'c77', … and 2846 more",
    )


WIDE = (lambda n: f"c{n}", lambda n: n % 7, lambda n: n % 7 * 2)


def test_a_wide_table_of_text(make: Make, write: Callable[..., None]) -> None:
    """Where every column is no number, the first are named and all are counted, in time."""
    count = 5_000
    write(",".join(f"c{n}" for n in range(count)) + "\n" + ",".join("x" * count) + "\n")
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        make("table", "t.csv")
    assert time.process_time() - start < 6
    lines = str(caught.value).splitlines()
    assert lines[0] == "planted: 5000 faults" and lines[-1] == "  … and 4980 more"
    assert lines[1] == "  row 1, column 'c0': expected a number, got 'x' (t.csv)"


# the size of a file


def test_line_ends_in_quotes(make: Make, write: Callable[..., None]) -> None:
    """In a file of many blocks a line end in quotes makes neither rows nor categories."""
    line = '{n},"k\n7,z"\n'
    write("a,b\n" + "".join(line.replace("{n}", str(n)) for n in range(105_000)))
    content = make("table", "t.csv", measures={"b": "categorical"})
    assert content.facts["features"] == ["a", "b=k\n7,z"]
    assert content.rows["a"].to_pylist() == list(range(105_000))


def test_notes_in_quotes(make: Make, write: Callable[..., None]) -> None:
    """Nor does a note of several lines in a column that is not used."""
    note = '"Sold as seen.\n12,1 Main Street,\nno returns"'
    write("id,price,notes\n" + "".join(f"{n},{n},{note}\n" for n in range(25_000)))
    content = make("table", "t.csv", columns=("id", "price"), standardize=False)
    assert rows(content) == [[n, n] for n in range(25_000)]


def test_precision_of_the_book(make: Make, write: Callable[..., None]) -> None:
    """`precision = "float32"` rounds before scaling, as the book does; the scaler does the same."""
    text = "a,b\n" + "".join(f"{1000 + n / 1e5},{n}\n" for n in range(50))
    write(text)
    content = make("table", "t.csv", precision="float32")
    raw = np.array([[1000 + n / 1e5, n] for n in range(50)])
    rounded = raw.astype(np.float32).astype(np.float64)
    right = (rounded - rounded.mean(0)) / rounded.std(0, ddof=1)
    assert np.allclose(content.tensors["features"].numpy(), right, atol=1e-6)
    assert content.scaler is not None
    assert torch.equal(
        content.scaler.apply(torch.from_numpy(raw)).float(), content.tensors["features"]
    )
    assert any("'a'" in warning for warning in content.notes), "what float32 merges is told"
