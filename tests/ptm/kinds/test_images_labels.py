"""Labels of images: from folders, paths and tables; classes, several at once, and numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import ptm
from tests.support.entries import aside, entry, flat, made, made_alike, put, refused, wrong

pytestmark = pytest.mark.usefixtures("unsynced")
NAMES = ("1.png", "2.png", "3.png", "4.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four images, each of its own gray."""
    for number, name in enumerate(NAMES):
        put(tmp_path, name, flat(10 * number + 10))
    return tmp_path


def table(root: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> None:
    (root / "d" / name).parent.mkdir(parents=True, exist_ok=True)
    (root / "d" / name).write_bytes(text.encode(encoding))


TABLES = {
    "csv": ("labels.csv", "file,label\n1.png,cat\n2.png,dog\n3.png,cat\n4.png,ape\n"),
    "order": ("labels.csv", "file,label\n4.png,ape\n2.png,dog\n1.png,cat\n3.png,cat\n"),
    "stems": ("labels.csv", "id,breed\n1,cat\n2,dog\n3,cat\n4,ape\n"),
    "semicolon": ("labels.csv", "file;label\n1.png;cat\n2.png;dog\n3.png;cat\n4.png;ape\n"),
    "mark": (
        "labels.csv",
        "\ufefffile,label\r\n1.png,cat\r\n2.png,dog\r\n3.png,cat\r\n4.png,ape\r\n",
    ),
    "tabs": ("labels.tsv", "label\tfile\ncat\t1.png\ndog\t2.png\ncat\t3.png\nape\t4.png\n"),
    "blanks": ("labels.csv", "file, label\n1.png, cat\n2.png , dog\n 3.png,cat\n4.png,ape \n"),
    "paths": ("labels.csv", "p,label\nx/d/1.png,cat\n./2.png,dog\nd\\3.png,cat\nd/4.png,ape\n"),
    "more": ("labels.csv", "w,label,file\n1,cat,1.png\n1,dog,2.png\n1,cat,3.png\n1,ape,4.png\n"),
    "capitals": ("LABELS.CSV", "file,Label\n1.PNG,cat\n2.PNG,dog\n3.PNG,cat\n4.PNG,ape\n"),
    "lines": (
        "labels.jsonl",
        '{"file_name": "1.png", "label": "cat"}\n{"file_name": "2.png", "label": "dog"}\n\n'
        '{"label": "cat", "file_name": "3.png"}\n{"file_name": "4.png", "label": "ape"}',
    ),
    "below": ("about/meta.csv", "file,label\n1.png,cat\n../2.png,dog\n3,cat\n4.png,ape\n"),
}


@pytest.mark.parametrize("name", [*TABLES])
def test_tables(root: Path, name: str) -> None:
    """A table of any of these forms gives each file its label; classes are sorted by name."""
    place, text = TABLES[name]
    table(root, text, place)
    found = made_alike(root, f'labels = "{place.lower()}"')
    assert found.manifest["facts"]["classes"] == ["ape", "cat", "dog"]
    assert found.tensors["target"].dtype == torch.int64
    assert found.tensors["target"].tolist() == [1, 2, 1, 0]
    assert found.table["label"].tolist() == ["cat", "dog", "cat", "ape"]
    assert found.table["file"].tolist() == [*NAMES]
    assert found.manifest["facts"]["target"] == "label"
    paths = found.tables["inputs"]["path"].tolist() if "inputs" in found.tables else []
    assert not paths or f"d/{place}" in paths


def test_a_table_is_an_input(root: Path) -> None:
    """An edit of a label makes it again; of many parts, only that of the image."""
    text = TABLES["csv"][1]
    table(root, text)
    source = entry(root, 'labels = "labels.csv"\npart_bytes = 1')
    first = ptm.tensorize(source, root / "store")
    assert ptm.tensorize(source, root / "store").cached
    table(root, text.replace("2.png,dog", "2.png,cow"))
    second = ptm.tensorize(source, root / "store")
    assert not second.cached and second.key != first.key and "1 of 4 parts" in second.why
    assert ptm.load("x", root / "store").table["label"].tolist() == ["cat", "cow", "cat", "ape"]
    table(root, "\n".join(sorted(text.replace("dog", "cow").splitlines(), reverse=False)) + "\n")
    lines = text.replace("dog", "cow").splitlines()
    table(root, "\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    third = ptm.tensorize(source, root / "store")
    assert not third.cached and "0 of 4 parts" in third.why  # rows in another order


def test_one_file(root: Path) -> None:
    """A source of one file has its table in the folder of the file."""
    table(root, "file,label\n2.png,dog\n")
    found = made(root, 'labels = "labels.csv"', path="d/2.png")
    assert found.table["label"].tolist() == ["dog"]


def test_in_folders(tmp_path: Path) -> None:
    """Paths are matched from their end; of two files of one name the folders tell which."""
    for number, name in enumerate(("a/1.png", "b/1.png", "b/c/2.png")):
        put(tmp_path, name, flat(number))
    table(tmp_path, "file,label\na/1.png,x\nd/b/1.png,y\n2,z\n")
    found = made_alike(tmp_path, 'labels = "labels.csv"')
    assert found.table["label"].tolist() == ["x", "y", "z"]
    table(tmp_path, "file,label\n1.png,x\nb/1.png,y\n2,z\nc/1.png,q\n")
    assert refused(tmp_path, 'labels = "labels.csv"') == [
        ("d/a/1.png", "", "a row in labels.csv", "none"),
        ("d/labels.csv", "row 1", "the name of one file, for '1.png'", "a/1.png and b/1.png"),
        ("d/labels.csv", "row 4", "the name of one file, for 'c/1.png'", "none"),
    ]


def test_names_of_any_letters(tmp_path: Path) -> None:
    """Blanks, letters of any language, points; composed in the table, or not."""
    names = ["Äpfel 1.png", "e\u0301te\u0301.png", "img.001.png", "写真.png"]
    for number, name in enumerate(names):
        put(tmp_path, name, flat(number))
    table(tmp_path, "file,label\nÄpfel 1.png,a\nété.png,b\nimg.001,c\n写真,d\n")
    found = made_alike(tmp_path, 'labels = "labels.csv"')
    by_name = dict(zip(found.table["file"], found.table["label"], strict=True))
    assert by_name == dict(zip(names, "abcd", strict=True))


MISMATCHES = "file,label\n1.png,cat\n9.png,dog\n3.png,cat\n3.png,dog\n2.png,\n"
TOLD = [
    ("d/2.png", "label", "a label", "a blank one"),
    ("d/3.png", "", "one row in labels.csv", "rows 3 and 4"),
    ("d/4.png", "", "a row in labels.csv", "none"),
    ("d/labels.csv", "row 2", "the name of one file, for '9.png'", "none"),
]


def test_mismatches_are_told(root: Path) -> None:
    """A file without a row, a row without a file, a file twice, a blank: all at once."""
    table(root, MISMATCHES)
    assert refused(root, 'labels = "labels.csv"') == TOLD


def test_mismatches_are_set_aside(root: Path) -> None:
    """With quarantine they are told in its table, and the rest is as without them."""
    table(root, MISMATCHES)
    found = made_alike(root, 'labels = "labels.csv"\non_bad = "quarantine"')
    assert found.table["file"].tolist() == ["1.png"]
    assert found.manifest["facts"]["classes"] == ["cat"]
    assert aside(found) == [(file.removeprefix("d/"), *rest) for file, *rest in TOLD]


@pytest.mark.parametrize(
    ("text", "more", "expected", "got"),
    [
        (
            "a,label\n7,x\n8,y\n",
            "",
            "one column whose values name the files",
            "none among a, label",
        ),
        ("a,b,l\n1,1,x\n2,2,y\n3,3,z\n4,4,z\n", "", "one column whose values", "'a' and 'b'"),
        ("f,a,b\n1,x,y\n2,x,y\n", "", "one column beside 'f', or one called 'label'", "a, b"),
        ("f\n1\n2\n", "", "one column beside 'f'", "none"),
        ("f,l\n1,x\n", 'label_column = "m"', "a column 'm'", "f, l"),
        ("f,l\n1,x\n", 'label_column = ["l", "m", "n"]', "columns 'm' and 'n'", "f, l"),
        ("f,l\n1,x\n", 'file_column = "g"', "a column 'g'", "f, l"),
    ],
)
def test_columns_in_doubt(root: Path, text: str, more: str, expected: str, got: str) -> None:
    """Where the table leaves in doubt what its columns are, it is asked for."""
    table(root, text)
    [(file, where, told, found)] = refused(root, f'labels = "labels.csv"\n{more}')
    assert (file, where) == ("d/labels.csv", "header")
    assert told.startswith(expected) and got in found


def test_columns_that_are_named(root: Path) -> None:
    """What is said counts, whatever else would do."""
    table(root, "a,b,l,label\n1,4,x,0\n2,3,y,0\n3,2,z,0\n4,1,z,0\n")
    found = made_alike(root, 'labels = "labels.csv"\nfile_column = "b"\nlabel_column = "l"')
    assert found.table["label"].tolist() == ["z", "z", "y", "x"]


def test_several_labels(root: Path) -> None:
    """Labels in one column, each once whatever their order; none is all 0, with a note."""
    table(root, "file,label\n1.png,cat|dog\n2.png,dog| cat|dog\n3.png,ape\n4.png,\n")
    found = made_alike(root, 'labels = "labels.csv"\nlabel_separator = "|"')
    assert found.manifest["facts"]["classes"] == ["ape", "cat", "dog"]
    target = found.tensors["target"]
    assert target.dtype == torch.float32
    assert target.tolist() == [[0, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert found.table["label"].tolist() == ["cat|dog", "cat|dog", "ape", ""]
    assert "1 of 4 images have no label: all 0" in found.manifest["warnings"]
    assert found.manifest["tensors"]["target"]["axes"] == ["sample", "class"]


def test_lists_of_labels(root: Path) -> None:
    """A list in JSON is several labels by itself; numbers are texts."""
    rows = [{"id": n + 1, "label": one} for n, one in enumerate((["b", "a"], [7], [], "a"))]
    table(root, "\n".join(map(json.dumps, rows)), "labels.jsonl")
    found = made_alike(root, 'labels = "labels.jsonl"')
    assert found.manifest["facts"]["classes"] == ["7", "a", "b"]
    assert found.tensors["target"].tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    table(root, json.dumps({"id": 1, "label": ["a|b"]}), "labels.jsonl")
    assert ("d/1.png", "label", "labels without '|' (or another label_separator)", "'a|b'") in (
        refused(root, 'labels = "labels.jsonl"')
    )


def test_columns_of_flags(root: Path) -> None:
    """Columns of 0 and 1, in the order in which they are named."""
    table(root, "file,dog,cat,x\n1.png,1,0,7\n2.png,0,1.0,7\n3.png,True,1,7\n4.png,0,false,7\n")
    more = 'labels = "labels.csv"\nlabel_column = ["dog", "cat"]'
    found = made_alike(root, more)
    assert found.manifest["facts"]["classes"] == ["dog", "cat"]
    assert found.tensors["target"].tolist() == [[1, 0], [0, 1], [1, 1], [0, 0]]
    table(root, "file,dog,cat\n1.png,1,2\n2.png,,1\n3.png,1,1\n4.png,0,0\n")
    assert refused(root, more) == [
        ("d/1.png", "label, column 'cat'", "0 or 1", "'2'"),
        ("d/2.png", "label, column 'dog'", "0 or 1", "''"),
    ]


def test_numbers(root: Path) -> None:
    """Labels that are numbers become float32, one for each image."""
    table(root, "file,age\n1.png,1.5\n2.png,-2e3\n3.png,7\n4.png,0\n")
    found = made_alike(root, 'labels = "labels.csv"\nregression = true')
    assert found.tensors["target"].dtype == torch.float32
    assert found.tensors["target"].tolist() == [1.5, -2000.0, 7.0, 0.0]
    assert found.table["label"].tolist() == [1.5, -2000.0, 7.0, 0.0]
    assert "classes" not in found.manifest["facts"]
    table(root, "file,age\n1.png,x\n2.png,inf\n3.png,\n4.png,1e39\n")
    told = refused(root, 'labels = "labels.csv"\nregression = true')
    assert [(expected, got) for _, _, expected, got in told] == [
        ("a number", "'x'"),
        ("a number", "'inf'"),
        ("a number", "a blank"),
        ("a number", "'1e39'"),
    ]


def test_numbers_and_splits(root: Path) -> None:
    """Samples that come to no split are set aside with their numbers."""
    table(root, "file,age\n1.png,1\n2.png,2\n3.png,3\n4.png,4\n")
    (root / "splits.csv").write_text("file,split\n1.png,train\n3.png,train\n4.png,val\n")
    more = 'labels = "labels.csv"\nregression = true\non_bad = "quarantine"\n'
    found = made_alike(root, more + 'split = { file = "splits.csv" }')
    assert found.tensors["target"].tolist() == [1.0, 3.0, 4.0]
    assert found.tensors["images"][:, 0, 0, 0].tolist() == [10, 30, 40]


def test_patterns(tmp_path: Path) -> None:
    """A regular expression finds the class in the path below the source."""
    for number, name in enumerate(("cat_1.png", "dog_1.png", "x/cat_2.png")):
        put(tmp_path, name, flat(number))
    found = made_alike(tmp_path, "labels = '(cat|dog)_'")
    assert found.table["label"].tolist() == ["cat", "dog", "cat"]
    assert found.tensors["target"].tolist() == [0, 1, 0]
    assert refused(tmp_path, "labels = '^(cat|dog)_'") == [
        ("d/x/cat_2.png", "label", "a class by '^(cat|dog)_' in its path", "none")
    ]
    ages = made_alike(tmp_path, "labels = '_(\\d)'\nregression = true")
    assert ages.tensors["target"].tolist() == [1.0, 1.0, 2.0]


def test_thousands_of_classes(tmp_path: Path) -> None:
    """As many classes as images; each has its own place."""
    rows = ["file,label"]
    for number in range(300):
        put(tmp_path, f"{number:03}.png", flat(number % 256, 1, 1))
        rows.append(f"{number:03}.png,class {number * 7919 % 300:03}")
    table(tmp_path, "\n".join(rows) + "\n")
    found = made(tmp_path, 'labels = "labels.csv"\npart_bytes = 30')
    assert found.manifest["facts"]["classes"] == [f"class {n:03}" for n in range(300)]
    assert found.tensors["target"].tolist() == [n * 7919 % 300 for n in range(300)]


def test_too_many_for_memory(root: Path) -> None:
    """0 and 1 for each class of each image have to fit into what `max_bytes` says."""
    table(root, "file,label\n1.png,a|b\n2.png,c|d\n3.png,e|f\n4.png,g|h\n")
    more = 'labels = "labels.csv"\nlabel_separator = "|"\nmax_bytes = '
    [(_, where, expected, got)] = refused(root, f"{more}127")
    assert where == "labels" and "max_bytes = 128" in expected and "8 columns of 4 rows" in got
    assert made(root, f"{more}128").tensors["target"].shape == (4, 8)


def test_no_table(root: Path) -> None:
    """A table that is not there is named, as are those of no form."""
    [(file, _, expected, _)] = refused(root, 'labels = "labels.csv"')
    assert (file, expected) == ("d", "at least one file that matches 'labels.csv'")
    table(root, '{"a": 1}\nx\n[1]\n', "l.jsonl")
    assert refused(root, 'labels = "l.jsonl"') == [
        ("d/l.jsonl", "line 2", "an object of JSON", "'x'"),
        ("d/l.jsonl", "line 3", "an object of JSON", "'[1]'"),
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('labels = "cat"', "a regular expression for the path of a file"),
        ('labels = "(a)(b)"', "with the class in parentheses"),
        ('labels = "(a"', "with the class in parentheses"),
        ('labels = "folder"\nlabel_column = "x"', "where there is 'label_column'"),
        ('labels = "folder"\nfile_column = "x"', "where there is 'file_column'"),
        ("regression = true", "'labels' where there is 'regression'"),
        ('label_separator = "|"', "'labels' where there is 'label_separator'"),
        ('labels = "l.csv"\nlabel_column = ["a", "a"]', "each class once in 'label_column'"),
        ('labels = "l.csv"\nlabel_separator = "|"\nregression = true', "not both"),
        ('labels = "l.csv"\nlabel_column = ["a"]\nregression = true', "not both"),
        ('labels = "l.csv"\nlabel_separator = ""', "label_separator"),
        ("labels = 3", "labels"),
    ],
)
def test_options(tmp_path: Path, more: str, says: str) -> None:
    """Options that say nothing, or not together, are refused where the catalog is read."""
    assert says in wrong(tmp_path, more)
