"""Samples that cannot be read are set aside, told, and counted; what passes is never among them."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch

import ptm
from ptm import store
from ptm.errors import CatalogError, InputError, PtmError
from ptm.explain import explain
from ptm.model import Artifact
from ptm.prepare import Call, drive, inline, steps
from tests.support.stores import digests

pytestmark = pytest.mark.usefixtures("unsynced")
FILES = 40
OWN = """
import ptm, torch

def read(options, part):
    values, names, bad = [], [], []
    for file in part.files:
        text = file.path.read_text()
        try:
            values.append(float(text))
            names.append(file.name)
        except ValueError:
            bad.append(ptm.Bad(file.{what}, "line 1", "a number", repr(text)))
    if not values:
        return ptm.Block(bad=bad)
    return ptm.Block({{"x": torch.tensor(values)[:, None]}}, {{"x": ("sample", "channel")}},
                     {{"file": names}}, bad=bad, carried={{"count": len(values)}},
                     scaling={{"x": ptm.Scaling(("x",))}}, facts={{"unit": "m"}})

def whole(options, learned, stats, carried):
    return ptm.Block(facts={{"total": sum(one["count"] for one in carried)}})
"""


class Entry:
    """An entry of an own kind, with a file for each sample."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, root / "store"
        (root / "files").mkdir()
        for number in range(FILES):
            self.put(number, str(number))
        self.kind()

    def put(self, number: int, text: str) -> None:
        (self.root / "files" / f"{number:02}.txt").write_text(text)

    def kind(self, what: str = "name") -> None:
        (self.root / "own.py").write_text(OWN.format(what=what))

    def source(self, more: str = 'on_bad = "quarantine"', size: int = 40) -> ptm.Source:
        catalog = self.root / "catalog.toml"
        catalog.write_text(
            '[catalog]\nkinds = { own = "own.py" }\n'
            f'[x]\nkind = "own"\npath = "files"\npart_bytes = {size}\n{more}\n'
        )
        return ptm.load_catalog(catalog, data=self.root)["x"]

    def made(self, more: str = 'on_bad = "quarantine"', size: int = 40, to: str = "") -> Artifact:
        root = self.root / to if to else self.store
        ptm.tensorize(self.source(more, size), root)
        return ptm.load("x", root)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return Entry(tmp_path)


def values(artifact: Artifact) -> list[float]:
    """What the samples were before they were scaled."""
    return [round(v, 4) for v in artifact.invert("x", artifact.tensors["x"])[:, 0].tolist()]


@pytest.mark.parametrize("what", ["name", "url"])
@pytest.mark.parametrize("size", [40, 1 << 20, 1])
def test_own_kind(entry: Entry, size: int, what: str) -> None:
    """However it is cut, a kind's own bad samples are in the table, the others in the tensors."""
    entry.kind(what)
    bad = (0, 1, 2, 17, 39)
    for number in bad:
        entry.put(number, "?")
    made = entry.made(size=size)
    quarantine = made.tables["quarantine"]
    assert list(quarantine.columns) == ["path", "where", "expected", "got"]
    assert quarantine["path"].tolist() == [f"{number:02}.txt" for number in bad]
    assert quarantine.iloc[0].tolist() == ["00.txt", "line 1", "a number", "'?'"]
    good = [number for number in range(FILES) if number not in bad]
    assert values(made) == good and made.table["file"].tolist() == [f"{n:02}.txt" for n in good]
    assert made.manifest["stats"]["samples"] == {"train": 35}
    assert made.manifest["stats"]["bad"] == 5
    assert made.manifest["facts"] == {"unit": "m", "total": 35}
    [warning] = made.manifest["warnings"]
    assert warning == "5 of 40 samples are in quarantine (tables['quarantine'])"
    assert len(made.parts) == len(made.manifest["parts"])
    assert all(bool(part.tensors) == (part.rows is not None) for part in made.parts)
    assert sum(len(part.tensors.get("x", ())) for part in made.parts) == 35
    names = made.columns["file"]
    assert names.tolist() == made.table["file"].tolist() and "not-drawn" not in str(made.views)
    for number in bad:
        (entry.root / "files" / f"{number:02}.txt").unlink()
    clean = entry.made("", size=size, to="clean")
    assert torch.equal(clean.tensors["x"], made.tensors["x"]) or size == 40
    assert torch.allclose(clean.tensors["x"], made.tensors["x"], rtol=1e-6)
    assert clean.table.equals(made.table) and "quarantine" not in clean.tables


def test_nothing_bad(entry: Entry) -> None:
    """With nothing bad the table is there and empty, and there is no sentence."""
    for size in (40, 1 << 20):
        made = entry.made(size=size)
        assert len(made.tables["quarantine"]) == 0 and made.manifest["warnings"] == []
        assert made.manifest["stats"]["bad"] == 0
        [view] = [view for view in made.views if view.name == "quarantine"]
        assert view.rows == [] and "No sample" in view.sentence


def test_without_it_they_fail(entry: Entry) -> None:
    """Unless the entry says otherwise a bad sample fails it, and there is no such table."""
    assert "quarantine" not in entry.made("").tables
    entry.put(7, "?")
    for more in ("", 'on_bad = "fail"'):
        with pytest.raises(InputError, match="line 1: expected a number"):
            entry.made(more)


@pytest.mark.parametrize("size", [40, 1 << 20])
@pytest.mark.parametrize(
    ("limit", "most", "said"),
    [
        ("4", 4, "at most 4 bad samples"),
        ("0.1", 4, "at most 10 % bad samples"),
        ("0.124", 4, "at most 12.4 % bad samples"),
        ("0", 0, "at most 0 bad samples"),
        ("0.0", 0, "at most 0 % bad samples"),
        ("1", 1, "at most 1 bad sample"),
        ("1.0", 39, ""),
    ],
)
def test_limits(entry: Entry, limit: str, most: int, said: str, size: int) -> None:
    """A limit, as a count or a share of all samples, may be met; beyond it nothing is published."""
    more = f'on_bad = "quarantine"\nmax_bad = {limit}'
    for number in range(most):
        entry.put(number, "?")
    assert len(entry.made(more, size).tables["quarantine"]) == most
    before = sorted(path.name for path in (entry.store / "x" / "keys").iterdir())
    entry.put(most, "?")
    with pytest.raises(InputError) as raised:
        entry.made(more, size)
    lines = str(raised.value).splitlines()
    expected = f"x: expected {said} (max_bad), got {most + 1} of 40"
    assert lines[0] == (expected if said else "x: expected a sample that is good, got 40 bad ones")
    assert len(lines) == 1 + min(most + 1, 20) + (most + 1 > 20)
    assert lines[1] == "  line 1: expected a number, got '?' (files/00.txt)"
    assert most < 20 or lines[-1] == "  … and 20 more"
    assert sorted(path.name for path in (entry.store / "x" / "keys").iterdir()) == before


def test_a_limit_decides_nothing_else(entry: Entry) -> None:
    """Another limit is looked at anew, but nothing is read again for it."""
    entry.put(3, "?")
    calls: list[str] = []

    def counted(batch: list[Call]) -> list[Any]:
        found = inline(batch)
        for group in found:
            calls.extend("kept" if one.kept else "made" for one in group)
        return found

    for most in (0, 1, 0.5):
        source = entry.source(f'on_bad = "quarantine"\nstore = "raw"\nmax_bad = {most}')
        calls.clear()
        if most:
            drive(steps(source, entry.store), counted)
        else:
            with pytest.raises(InputError, match="at most 0 bad samples"):
                drive(steps(source, entry.store), counted)
        assert set(calls) == {"kept" if most else "made"}
    assert "option max_bad changed from 1 to 0.5" in explain("x", entry.store).why
    assert "0 of" in explain("x", entry.store).why


def test_another_limit_fails_what_is_there(entry: Entry) -> None:
    """What was made within a wider limit is not up to date for a narrow one."""
    entry.put(3, "?")
    entry.made()
    with pytest.raises(InputError, match="at most 0 bad"):
        entry.made('on_bad = "quarantine"\nmax_bad = 0')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_bad = 3", "'on_bad' as \"quarantine\" where there is 'max_bad'"),
        ('on_bad = "fail"\nmax_bad = 3', "'on_bad' as \"quarantine\" where there is 'max_bad'"),
        ('on_bad = "quarantine"\nmax_bad = -1', "a count, or a share from 0.0 to 1.0, got -1"),
        ('on_bad = "quarantine"\nmax_bad = 1.5', "a count, or a share from 0.0 to 1.0, got 1.5"),
        ('on_bad = "quarantine"\nmax_bad = "3"', "a count, or a share from 0.0 to 1.0, got '3'"),
        ('on_bad = "quarantine"\nmax_bad = true', "a count, or a share from 0.0 to 1.0, got true"),
        ('on_bad = "skip"', "on_bad"),
    ],
)
def test_mistakes(entry: Entry, text: str, said: str) -> None:
    """What is no such option is told by the catalog."""
    with pytest.raises(CatalogError) as raised:
        entry.source(text)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        'kind = "volume"\npath = "ct"',
        'kind = "timeseries"\npath = "x.csv"\ntime = "t"\nday = "d"',
        'kind = "text"\npath = "x.txt"',
        'kind = "threshold"\nof = "t"',
        'kind = "fits"\nof = "t"',
    ],
)
def test_kinds_without_it(tmp_path: Path, text: str) -> None:
    """Kinds of which no sample can be set aside say so."""
    catalog = tmp_path / "catalog.toml"
    rest = '[t]\nkind = "table"\npath = "t.csv"\n'
    catalog.write_text(f'{rest}[x]\n{text}\non_bad = "quarantine"\n')
    with pytest.raises(CatalogError) as raised:
        ptm.load_catalog(catalog, data=tmp_path)
    kind = text.split('"')[1]
    expected = f"[x] on_bad: expected 'fail', as no sample of the kind '{kind}' can be set aside"
    assert expected in str(raised.value)
    catalog.write_text(f"{rest}[x]\n{text}\nbanana = 1\n")
    with pytest.raises(CatalogError) as raised:
        ptm.load_catalog(catalog, data=tmp_path)
    assert "banana" in str(raised.value) and "on_bad" not in str(raised.value)


def test_the_key(entry: Entry) -> None:
    """Left out where it is as usual, the option is no part of what decides the content."""
    assert "on_bad" not in entry.source("").options()
    assert "on_bad" not in entry.source('on_bad = "fail"').options()
    options = entry.source('on_bad = "quarantine"\nmax_bad = 0.01').options()
    assert (options["on_bad"], options["max_bad"]) == ("quarantine", 0.01)


def test_what_may_pass(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk is raised as it is, and sets nothing aside."""
    entry.put(5, "?")
    before: Callable[..., str] = Path.read_text

    def fails(self: Path, *arguments: Any, **options: Any) -> str:
        if self.name == "20.txt":
            raise OSError(errno.EIO, "Input/output error", str(self))
        return before(self, *arguments, **options)

    source = entry.source()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", fails)
        with pytest.raises(OSError, match="Input/output"):
            ptm.tensorize(source, entry.store)
    assert not list(entry.store.glob("x/current.json"))
    ptm.tensorize(source, entry.store)
    assert ptm.load("x", entry.store).tables["quarantine"]["path"].tolist() == ["05.txt"]


@pytest.mark.slow
def test_any_runner_and_resume(entry: Entry) -> None:
    """Here, in processes, resumed after its end in the middle: the same bytes."""
    for number in (0, 1, 2, 3, 4, 20, 33):
        entry.put(number, "?")
    source, root = entry.source(), entry.root
    ptm.tensorize(source, root / "plain")
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        drive(
            steps(source, root / "processes", tasks=7),
            lambda calls: [
                future.result() for future in [pool.submit(call[0], *call[1]) for call in calls]
            ],
        )

    def dies(calls: list[Call]) -> list[Any]:
        inline(calls[: len(calls) // 2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(steps(source, root / "resumed"), dies)
    records = [json.loads(p.read_text()) for p in (root / "resumed").glob("x/parts/*.json")]
    assert sum(len(one["record"]["bad"]) for one in records) in range(1, 7)
    drive(steps(source, root / "resumed"), inline)
    plain = digests(root / "plain")
    assert len(ptm.load("x", root / "plain").parts) > 4
    assert digests(root / "processes") == plain and digests(root / "resumed") == plain


def test_parts_of_nothing_but_bad_ones(entry: Entry) -> None:
    """They are known to the next run, also when gc was there; mended they are read."""
    for number in range(FILES):
        entry.put(number, "?" if number else "3")
    more = 'on_bad = "quarantine"\nstore = "raw"'
    first = entry.made(more, size=1)
    assert first.tensors["x"].tolist() == [[3.0]] and len(first.parts) == FILES
    assert [bool(part.tensors) for part in first.parts] == [True] + [False] * (FILES - 1)
    store.gc(entry.store)
    assert not [found for found in store.verify(entry.store) if found.error]
    entry.put(9, "5")
    again = entry.made(more, size=1)
    assert again.tensors["x"].tolist() == [[3.0], [5.0]] and len(again.tables["quarantine"]) == 38
    assert f"1 of {FILES} parts were read" in explain("x", entry.store).why


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("3", "bad: expected ptm.Bad for each sample, got 3"),
        ("[ptm.Bad('a', 1, 'b', 'c')]", "bad: expected ptm.Bad of texts"),
        ("[ptm.Bad('a', 'b', 'c', 'd', 'e')]", "bad: expected ptm.Bad of texts"),
    ],
)
def test_what_is_no_bad_sample(entry: Entry, bad: str, said: str) -> None:
    """What a kind gives for a bad sample has to be one."""
    text = (entry.root / "own.py").read_text().replace("bad=bad", f"bad={bad}")
    (entry.root / "own.py").write_text(text)
    with pytest.raises(PtmError) as raised:
        entry.made()
    assert said in str(raised.value)


def test_splits(entry: Entry) -> None:
    """The good ones are counted by split; bad ones are in none."""
    for number in (4, 5):
        entry.put(number, "?")
    made = entry.made('on_bad = "quarantine"\nsplit = { train = 0.5, val = 0.5 }')
    samples = made.manifest["stats"]["samples"]
    assert sum(samples.values()) == 38 and set(samples) == {"train", "val"}
    assert made.manifest["stats"]["bad"] == 2
