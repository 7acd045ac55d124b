"""`ptm init` as a person meets it, and the data root that a catalog says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import ptm
from flows.terminal.new_catalog import write
from flows.terminal.places import same_run
from ptm.catalog import data_root, load_catalog
from ptm.errors import CatalogError
from tests.support.commands import call_ptm

TABLE = "a,label\n" + "".join(f"{n * 1.5},{n % 2}\n" for n in range(80))
TEXT = '[book]\nkind = "text"\npath = "a.txt"\n'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my data").mkdir()
    Path("my data/t.csv").write_text(TABLE)


def test_what_it_says() -> None:
    """A table of what was found, what was left out and why, and the next command, unwrapped."""
    Path("my data/film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    done = call_ptm("init", "my data")
    assert done.code == 0
    assert "80 rows; 2 columns (2 numbers); target 'label'" in done.words
    assert "film.mp4: video" in done.out
    assert done.out.splitlines()[-1] == "Next: ptm run"
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_what_it_writes() -> None:
    """The catalog beside the working folder's data, which a run takes without being told."""
    call_ptm("init", "my data")
    assert tomllib.loads(Path("catalog.toml").read_text()) == {
        "catalog": {"name": "my_data", "data": "my data"},
        "t": {
            "kind": "table",
            "path": "t.csv",
            "target": "label",
            "classes": 2,
            "split": {"train": 0.8, "val": 0.1, "test": 0.1},
        },
    }
    assert load_catalog("catalog.toml").data == Path("my data")
    assert call_ptm("run", "--dry-run").code == 0


def test_it_runs() -> None:
    """What it wrote is made as it is."""
    call_ptm("init", "my data")
    catalog = ptm.load_catalog("catalog.toml")
    ref = ptm.tensorize(catalog["t"])
    assert ptm.load("t").tensors["features"].shape == (80, 1) and not ref.cached


@pytest.mark.parametrize("name", ["catalog.toml", "mine.toml"])
def test_nothing_is_written_over(name: str) -> None:
    """A catalog that is there stays: exit code 2, and --catalog is named."""
    Path(name).write_text("# mine\n")
    done = call_ptm("init", "my data", "--catalog", name)
    assert done.code == 2
    assert "stays as it is" in done.err and "--catalog" in done.err
    assert Path(name).read_text() == "# mine\n"


def test_another_name() -> None:
    """With another name the next command has it."""
    done = call_ptm("init", "my data", "--catalog", "conf/my own.toml")
    assert done.out.splitlines()[-1] == "Next: ptm run --catalog 'conf/my own.toml'"
    assert load_catalog("conf/my own.toml").data.resolve() == Path("my data").resolve()


def test_written_once(tmp_path: Path) -> None:
    """A catalog that is there is not written over."""
    write("# one\n", tmp_path / "sub/catalog.toml")
    with pytest.raises(CatalogError, match="stays as it is"):
        write("# two\n", tmp_path / "sub/catalog.toml")
    assert (tmp_path / "sub/catalog.toml").read_text() == "# one\n"
    assert not [path for path in (tmp_path / "sub").iterdir() if "catalog.toml-" in path.name]


def test_only_told() -> None:
    """--dry-run prints the catalog, which can be read, and writes nothing, whatever is there."""
    Path("catalog.toml").write_text("# mine\n")
    done = call_ptm("init", "my data", "--dry-run")
    assert done.code == 0
    assert tomllib.loads(done.out)["t"]["target"] == "label"
    assert sorted(path.name for path in Path().iterdir()) == ["catalog.toml", "my data"]


def test_nothing_to_find() -> None:
    """A folder without data is told, with the reasons; no catalog is written."""
    Path("empty").mkdir()
    Path("empty/paper.pdf").write_bytes(b"%PDF-1.4")
    done = call_ptm("init", "empty")
    assert done.code == 1
    assert "paper.pdf: PDF" in done.out and "none in empty" in done.words
    assert not Path("catalog.toml").exists()


def test_no_folder() -> None:
    """A folder that is not there is wrong usage."""
    done = call_ptm("init", "nowhere")
    assert done.code == 2 and "nowhere" in done.err


def test_the_working_folder() -> None:
    """The folder may be the working folder; what ptm puts there is not looked at again."""
    call_ptm("init", ".")
    text = Path("catalog.toml").read_text()
    assert tomllib.loads(text)["catalog"]["data"] == "."
    call_ptm("run", "--dry-run")
    assert call_ptm("init", ".", "--dry-run").out == text


def place(catalog: str, data: str | None) -> Path:
    """A catalog that says where its data are."""
    about = "" if data is None else f"[catalog]\ndata = {json.dumps(data)}\n"
    path = Path(catalog)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(about + TEXT)
    return path


@pytest.mark.parametrize(
    ("catalog", "says", "given", "expected"),
    [
        ("c.toml", None, None, "data"),
        ("c.toml", "photos", None, "photos"),
        ("sub/c.toml", "photos", None, "sub/photos"),
        ("sub/c.toml", "../photos", None, "sub/../photos"),
        ("sub/c.toml", "/abs", None, "/abs"),
        ("c.toml", "photos", "given", "given"),
        ("sub/c.toml", "photos", "data", "data"),
        ("sub/c.toml", None, "given", "given"),
    ],
)
def test_the_data_root(catalog: str, says: str | None, given: str | None, expected: str) -> None:
    """What is given wins; else what the catalog says, from its file on; else data."""
    path = place(catalog, says)
    known = load_catalog(path, given)
    assert known.data == known["book"].root == Path(expected)
    assert data_root(path, given and Path(given)) == Path(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["3", "[]", '""'])
def test_no_data_root(wrong: str) -> None:
    """What is no path is refused."""
    Path("c.toml").write_text(f"[catalog]\ndata = {wrong}\n{TEXT}")
    with pytest.raises(CatalogError, match="'data', the data root"):
        load_catalog("c.toml")


def test_the_same_run() -> None:
    """A run of a catalog that says its data root is told without it."""
    path = place("catalog.toml", "photos")
    options = {"catalog": str(path), "data": "photos", "artifacts": "artifacts", "sources": None}
    assert same_run(options, "threads") == "ptm run"
    assert same_run(options | {"data": "other"}, "threads") == "ptm run --data other"


def test_help_names_it() -> None:
    """Where there is no catalog, `ptm init` is offered."""
    done = call_ptm("run")
    assert done.code == 2 and "ptm init FOLDER" in done.words
