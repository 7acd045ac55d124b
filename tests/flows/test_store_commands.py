"""`ptm explain`, `verify`, `gc` and `run --dry-run` as a person meets them."""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ptm.catalog import load_catalog
from ptm.prepare import tensorize
from tests.support.commands import call_ptm, run_ptm
from tests.support.machine import part_file

NAMES = ["austen", "wine", "temperature"]


@pytest.fixture(scope="module")
def made(sample: Path, book_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three sources and an analysis; not to be changed."""
    store = tmp_path_factory.mktemp("made") / "artifacts"
    catalog = load_catalog(book_catalog, sample)
    for name in [*NAMES, "wine_threshold"]:
        tensorize(catalog[name], store)
    return store


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(made, tmp_path / "artifacts")


@pytest.fixture
def edited(book_catalog: Path, tmp_path: Path) -> Path:
    """The book's catalog with the text's line 3 instead of 200."""
    text = book_catalog.read_text(encoding="utf-8")
    assert text.count("line = 200") == 1
    place = tmp_path / "edited.toml"
    place.write_text(text.replace("line = 200", "line = 3"), encoding="utf-8")
    return place


def publication_of(store: Path, name: str) -> Path:
    """The folder of the only publication of a name."""
    [place] = store.glob(f"{name}/*/manifest.json")
    return place.parent


def part_of(store: Path, name: str) -> Path:
    """The tensors of the only part of the only publication of a name."""
    return part_file(publication_of(store, name))


def flip(place: Path) -> None:
    raw = bytearray(place.read_bytes())
    raw[len(raw) // 2] ^= 1
    place.write_bytes(raw)


def listing(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(root.rglob("*"))}


def narrow(text: str) -> bool:
    """Whether no line is wider than 80 characters, but for those with a path."""
    return all(len(line) <= 80 or "/" in line for line in text.splitlines())


def test_verify_whole(store: Path) -> None:
    """A store that is whole is said to be, with how much was read, and code 0."""
    done = call_ptm("verify", "--artifacts", store)
    assert done.code == 0 and "All whole: 4 artifacts of 4 names" in done.out
    assert narrow(done.out)


def test_verify_damaged(store: Path) -> None:
    """Each damaged file is named with expected and got, with the command that heals; code 1."""
    part = part_of(store, "austen")
    flip(part)
    done = call_ptm("verify", "--artifacts", store)
    assert done.code == 1
    assert f"austen: {part.name}: expected sha256 {part.stem}, got " in done.words
    assert "1 of 4 are damaged" in done.out
    assert f"\nPut it right: ptm run austen --artifacts {store}\n" in done.out
    assert call_ptm("verify", "wine", "--artifacts", store).code == 0


def test_verify_json(store: Path) -> None:
    """As JSON each finding has name, publication, bytes and error."""
    part = part_of(store, "wine")
    flip(part)
    done = call_ptm("verify", "--json", "--artifacts", store)
    findings = {finding["name"]: finding for finding in json.loads(done.out)}
    assert done.code == 1 and findings.keys() == {*NAMES, "wine_threshold"}
    assert part.name in findings["wine"]["error"] and not findings["austen"]["error"]
    assert findings["austen"]["bytes"] > 1000


def test_verify_what_is_not_there(store: Path) -> None:
    """A name that the store lacks is an error with what it has; code 1."""
    done = call_ptm("verify", "whine", "--artifacts", store)
    assert done.code == 1 and "whine: expected an artifact" in done.words


def test_explain_first(store: Path) -> None:
    """What was made for the first time is new, and all that decides it is listed."""
    done = call_ptm("explain", "wine", "--artifacts", store)
    assert done.code == 0 and "Why: new" in done.out and narrow(done.out)
    for kind in ("file", "option", "module", "package"):
        assert f"\n {kind} " in done.out


def test_explain_a_change(store: Path, edited: Path, sample: Path) -> None:
    """An option that changed is named with both values, in words, in the table and as JSON."""
    tensorize(load_catalog(edited, sample)["austen"], store)
    done = call_ptm("explain", "austen", "--artifacts", store)
    assert "Why: option line changed from 200 to 3" in done.out and narrow(done.out)
    told = json.loads(call_ptm("explain", "austen", "--json", "--artifacts", store).out)
    changed = [cause for cause in told["causes"] if cause["state"] != "unchanged"]
    assert changed == [
        {"kind": "option", "name": "line", "state": "changed", "before": 200, "after": 3}
    ]
    assert told["decision"] == "made" and told["before"] and told["kept"] == [told["before"]]
    both = call_ptm("explain", told["before"], told["publication"], "--json", "--artifacts", store)
    assert [c for c in json.loads(both.out) if c["state"] != "unchanged"] == changed


@pytest.mark.slow
def test_commands_end_as_they_should(store: Path, edited: Path, sample: Path) -> None:
    """A command that is over as soon as it has read a table ends with 0, however busy all is.

    Threads of Arrow that let go of a file of Python's after the end would abort it.
    """
    tensorize(load_catalog(edited, sample)["austen"], store)  # of two the tables are compared
    with ThreadPoolExecutor(4) as pool:
        explain = ("explain", "austen", "--json", "--artifacts", store)
        ends = pool.map(lambda _: run_ptm(*explain), range(60))
    assert {(done.code, done.err) for done in ends} == {(0, "")}


def test_explain_two_names(store: Path) -> None:
    """Two artifacts of different kinds can be compared as well."""
    done = call_ptm("explain", "wine", "temperature", "--artifacts", store)
    assert done.code == 0 and "option" in done.out and "changed" in done.out


def test_explain_nothing(store: Path) -> None:
    """What there is not is an error that says what there is; code 1."""
    done = call_ptm("explain", "wien", "--artifacts", store)
    assert done.code == 1 and "there is: austen, temperature, wine" in done.words
    assert "Traceback" not in done.err


def test_gc(store: Path, edited: Path, sample: Path) -> None:
    """A dry run tells what gc takes and changes nothing; gc takes just that, and then nothing."""
    before = publication_of(store, "austen")
    tensorize(load_catalog(edited, sample)["austen"], store)
    assert "Nothing to collect" in call_ptm("gc", "--dry-run", "--artifacts", store).out
    listed = listing(store)
    told = call_ptm("gc", "--keep", "1", "--dry-run", "--artifacts", store)
    assert told.code == 0 and before.name in told.out and "Would free" in told.out
    assert narrow(told.out) and listing(store) == listed
    done = call_ptm("gc", "--keep", "1", "--artifacts", store)
    assert before.name in done.out and "Freed" in done.out and not before.exists()
    assert "Nothing to collect" in call_ptm("gc", "--keep", "1", "--artifacts", store).out
    assert call_ptm("verify", "--artifacts", store).code == 0


def test_dry_run(store: Path, edited: Path, sample: Path, tmp_path: Path) -> None:
    """`run --dry-run` says what a run would make and why, starts no server, writes nothing."""
    part = part_of(store, "temperature")
    flip(part)
    listed = listing(store)
    home = tmp_path / "prefect"
    done = call_ptm(
        "run",
        "--dry-run",
        *("--catalog", edited, "--data", sample, "--artifacts", store),
        PREFECT_HOME=str(home),
    )
    assert done.code == 0 and narrow(done.out)
    lines = {line.split()[0]: line for line in done.out.splitlines() if len(line.split()) > 2}
    assert "make" in lines["austen"] and "option line changed from 200 to 3" in lines["austen"]
    damaged = f"damaged: {part.stem[:12]}….pt"
    assert "make" in lines["temperature"] and damaged in lines["temperature"]
    assert "maybe" in lines["temperature_fits"] and "cached" in lines["wine_threshold"]
    assert "make" in lines["dog"] and "new" in lines["dog"]
    assert listing(store) == listed and not home.exists()


def test_dry_run_of_what_fails(store: Path, tmp_path: Path, book_catalog: Path) -> None:
    """An entry whose files are missing would fail, with what it would say, and what is of it."""
    options = ("--catalog", book_catalog, "--data", tmp_path / "none", "--artifacts", store)
    done = call_ptm("run", "--dry-run", "wine_threshold", *options)
    assert done.code == 1 and re.search(r"(?m)^ ?wine +(would: )?fail", done.out)
    assert "wine_threshold fail why: wine would not be made" in done.words
    assert done.err.count("note: expected a folder of data, got nothing at") == 1
    assert "expected a file or folder in the data root" in done.words


@pytest.mark.usefixtures("server")
def test_run_tells_and_explain_remembers(
    store: Path, edited: Path, book_catalog: Path, sample: Path
) -> None:
    """A run says why it makes something again; explain tells the same, and of cached and found."""
    rest = ("--data", sample, "--artifacts", store)

    def run(catalog: Path) -> str:
        done = call_ptm("run", "austen", "--catalog", catalog, *rest)
        assert done.code == 0, done
        return str(done.out)

    def decision() -> tuple[str, str]:
        told = json.loads(call_ptm("explain", "austen", "--json", "--artifacts", store).out)
        return told["decision"], told["why"]

    part = part_of(store, "austen")
    flip(part)
    damaged = f"damaged: {part.name[:12]}….pt: expected sha256"
    assert f"({damaged}" in run(book_catalog)
    assert decision()[0] == "made" and decision()[1].startswith(damaged)
    assert "austen: made in" in run(edited)
    assert decision() == ("made", "option line changed from 200 to 3")
    assert "austen: cached in" in run(edited)
    assert decision()[0] == "cached" and "nothing changed since" in decision()[1]
    assert "(option line changed from 3 to 200)" in run(book_catalog)
    assert decision() == ("found", "option line changed from 3 to 200")
    done = call_ptm("run", "austen", "--rehash", "--catalog", book_catalog, *rest)
    assert "austen: cached in" in done.out
    lost = ("--data", store / "none", "--artifacts", store)
    assert call_ptm("run", "austen", "--catalog", book_catalog, *lost).code == 1
    assert decision()[0] == "failed" and "expected a file or folder" in decision()[1]
