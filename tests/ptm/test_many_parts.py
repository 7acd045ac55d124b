"""Sources of many parts: whatever the cut and whoever makes it, they are what one part is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ptm
from ptm import store
from ptm.errors import InputError, PtmError
from ptm.explain import explain
from ptm.kinds import images as images_kind
from ptm.kinds import table as table_kind
from ptm.model import Artifact
from ptm.prepare import Call, drive, in_threads, inline, steps
from tests.support.stores import digests

pytestmark = pytest.mark.usefixtures("unsynced")
PHOTOS, SIDE = 24, 8
SMALL = 3000  # bytes: a part of photos has a few, a table some dozens of rows
WORDS = ["it", "is", "a", "truth", "universally", "acknowledged"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photos, a table and a text, each large enough for some parts."""
    random = np.random.default_rng(0)
    folder = tmp_path / "data"
    (folder / "photos").mkdir(parents=True)
    for number in range(PHOTOS):
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{number:03}.png")
    rows = ["id,size,city,big,class"]
    for number in range(400):
        city = ("Rome", "Bonn", "Oslo, N")[number % 3 if number < 390 else 0]
        rows.append(f'{number},{random.normal(1e6):.6f},"{city}",{2**53 + number},{number % 4}')
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    text = [
        " ".join(random.permutation(WORDS)) + ("  Ünique\r\n" * (n % 7 == 0)) for n in range(300)
    ]
    (folder / "text.txt").write_bytes("\n".join(text).encode())
    return folder


ENTRIES = {
    "photos": 'kind = "images"\npath = "photos"\nstandardize = true',
    "rows": 'kind = "table"\npath = "rows.csv"\ntarget = "class"\nclasses = 4\n'
    'measures = { city = "categorical", id = "ordinal", big = "ordinal" }\nunits = { size = "mm" }',
    "text": 'kind = "text"\npath = "text.txt"\nline = 57',
}


def entry(data: Path, name: str, more: str = "") -> Any:
    """One of ENTRIES with more options."""
    catalog = data / "catalog.toml"
    catalog.write_text(f"[{name}]\n{ENTRIES[name]}\n{more}\n")
    return ptm.load_catalog(catalog, data=data)[name]


def made(data: Path, name: str, root: Path, more: str = "", **how: Any) -> Artifact:
    ptm.tensorize(entry(data, name, more), root, **how)
    return ptm.load(name, root)


def cut(size: int = SMALL) -> str:
    return f"part_bytes = {size}"


def parts_of(root: Path, name: str) -> int:
    return len(ptm.load(name, root).parts)


def assert_same(one: Artifact, other: Artifact, rtol: float = 1e-6) -> None:
    """Equal but for rounding: what was learned within 1e-9, tensors within that of float32."""
    for name, tensor in one.tensors.items():
        there = other.tensors[name]
        assert (tensor.dtype, tensor.shape) == (there.dtype, there.shape), name
        if tensor.is_floating_point():
            assert torch.allclose(tensor, there, rtol=rtol, atol=1e-6), name
        else:
            assert torch.equal(tensor, there), name
    for name, table in one.tables.items():
        there = other.tables[name]
        if name == "statistics":  # of these the last bits depend on the cut
            ulps = 256 * np.spacing(table["mean"].abs().to_numpy())
            for field in ("mean", "std"):
                far = (table[field] - there[field]).abs() / (1e-9 * table[field].abs() + ulps)
                assert not (far > 1).any()
            table, there = (of.drop(columns=["mean", "std"]) for of in (table, there))
        assert table.equals(there), name
        assert table.attrs == other.tables[name].attrs
    for what in ("facts", "tables"):
        assert one.manifest[what] == other.manifest[what], what
    # how many values float32 merges is known of each part
    texts = [[w.partition("(")[0] for w in a.manifest["warnings"]] for a in (one, other)]
    assert texts[0] == texts[1]
    scalers = [ptm.Learned.from_json(a.manifest["learned"]) for a in (one, other)]
    assert scalers[0].categories == scalers[1].categories
    for name, scaler in scalers[0].scalers.items():
        there = scalers[1].scalers[name]
        assert scaler.names == there.names
        for field in ("shift", "scale"):
            assert getattr(scaler, field) == pytest.approx(getattr(there, field), rel=1e-9)


@pytest.mark.parametrize("size", [pytest.param(200, marks=pytest.mark.slow), 1000, SMALL, 20_000])
@pytest.mark.parametrize("name", list(ENTRIES))
def test_any_cut(data: Path, tmp_path: Path, name: str, size: int) -> None:
    """Whatever size parts have, tensors, tables, facts and notes are those of one part."""
    whole = made(data, name, tmp_path / "whole")
    parts = made(data, name, tmp_path / "parts", cut(size))
    assert len(whole.parts) == 1 and (len(parts.parts) > 1 or name == "photos")
    assert_same(whole, parts)


@pytest.mark.parametrize("name", ["photos", "rows"])
def test_raw(data: Path, tmp_path: Path, name: str) -> None:
    """Stored raw, tensors are as they were decoded; transformed they are those stored scaled."""
    [key] = ["images"] if name == "photos" else ["features"]
    scaled = made(data, name, tmp_path / "scaled", cut())
    raw = made(data, name, tmp_path / "raw", f'{cut()}\nstore = "raw"')
    assert raw.tensors[key].dtype == (torch.uint8 if name == "photos" else torch.float64)
    assert raw.scaler is not None and scaled.scaler is not None
    assert raw.scaler.shift == pytest.approx(scaled.scaler.shift, rel=1e-14)
    transformed = raw.transform({key: raw.tensors[key]})[key]
    assert torch.allclose(transformed, scaled.tensors[key], rtol=2e-7, atol=1e-9)
    back = scaled.invert(key, scaled.tensors[key])
    assert torch.allclose(back, raw.tensors[key].double(), rtol=1e-6, atol=1e-4)
    assert raw.table.equals(scaled.table)


def test_what_fails_ends_the_rest() -> None:
    """Of calls that are made side by side none begins after one has failed, and that is raised."""
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise OSError("the disk")
        time.sleep(0.01)
        return number

    calls: list[Call] = [(work, (number,)) for number in range(100)]
    with pytest.raises(OSError, match="the disk"):
        in_threads(calls)
    assert len(begun) < 20 and len(begun) == len(set(begun))
    assert in_threads(calls[:3]) == [0, 1, 2]


def run_in(pool: Executor) -> Callable[[list[Call]], Iterable[Any]]:
    """Makes the calls of a batch side by side; the last ones first."""

    def run(calls: list[Call]) -> Iterator[Any]:
        futures = [pool.submit(function, *arguments) for function, arguments in reversed(calls)]
        return (future.result() for future in reversed(futures))

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photos", "rows", "text"])
def test_any_driver(data: Path, tmp_path: Path, name: str) -> None:
    """Here, in threads and in processes, by 1, 2 or 7 of them: the same bytes."""
    source, found = entry(data, name, cut()), {}
    ptm.tensorize(source, tmp_path / "tensorize")
    for tasks in (1, 2, 7):
        drive(steps(source, tmp_path / f"inline{tasks}", tasks=tasks), inline)
        with ThreadPoolExecutor(tasks) as threads:
            drive(steps(source, tmp_path / f"threads{tasks}", tasks=tasks), run_in(threads))
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        drive(steps(source, tmp_path / "processes", tasks=7), run_in(processes))
    for root in tmp_path.iterdir():
        if root.name != "data":
            found[root.name] = digests(root)
    assert len(found) == 8 and all(found["inline1"] == other for other in found.values())


class Decoded:
    """Counts the parts that the kind of images reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[int] = []
        before = images_kind.read

        def read(options: Any, part: Any) -> Any:
            self.parts.append(len(part.files))
            return before(options, part)

        monkeypatch.setattr(images_kind, "read", read)


@pytest.mark.parametrize("store", ["raw", "scaled"])
def test_one_file_more(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    """Raw, a file that comes makes one or two parts be read; scaled all of them are encoded, and
    so read, again, since the statistics moved: `explain` says so.
    """
    root, more = tmp_path / "store", f'{cut(900)}\nstore = "{store}"'
    many = len(made(data, "photos", root, more).parts)
    decoded = Decoded(monkeypatch)
    Image.fromarray(np.full((SIDE, SIDE, 3), 7, np.uint8)).save(data / "photos" / "0055.png")
    after = made(data, "photos", root, more)
    assert len(after.table) == PHOTOS + 1 and many > 4
    if store == "raw":
        assert 0 < len(decoded.parts) <= 2
    else:
        assert sum(decoded.parts) == PHOTOS + 1
    said = explain("photos", root).why
    assert ("the statistics moved" in said) == (store == "scaled")
    fresh = made(data, "photos", tmp_path / "fresh", more)
    assert_same(fresh, after)
    assert fresh.manifest["parts"] == after.manifest["parts"]


def test_statistics_that_did_not_move(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scaled, but with the same statistics as before, only the parts that changed are read."""
    root = tmp_path / "store"
    monkeypatch.setitem(ENTRIES, "photos", 'kind = "images"\npath = "photos"')
    many = len(made(data, "photos", root, cut(1000)).parts)
    decoded = Decoded(monkeypatch)
    Image.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8)).save(data / "photos" / "0055.png")
    made(data, "photos", root, cut(1000))
    assert many > 4 and 0 < len(decoded.parts) <= 2


@pytest.mark.parametrize("store", ["raw", "scaled"])
def test_what_was_read_is_not_read_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    """A run that ends in the middle leaves its finished parts to the next one."""
    source, root = entry(data, "photos", f'{cut()}\nstore = "{store}"'), tmp_path / "store"
    decoded = Decoded(monkeypatch)

    def dies(calls: list[Call]) -> list[Any]:
        inline(calls[: len(calls) // 2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(steps(source, root), dies)
    before = sum(decoded.parts)
    assert 0 < before < PHOTOS
    drive(steps(source, root), inline)
    assert sum(decoded.parts) == PHOTOS
    drive(steps(source, tmp_path / "fresh"), inline)
    assert digests(root) == digests(tmp_path / "fresh")


def test_forced(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forced, all parts are read again, whatever the store has of them."""
    root = tmp_path / "store"
    first = made(data, "photos", root, f'{cut()}\nstore = "raw"')
    decoded = Decoded(monkeypatch)
    again = made(data, "photos", root, f'{cut()}\nstore = "raw"', force=True)
    assert sum(decoded.parts) == PHOTOS and again.path != first.path
    assert again.manifest == first.manifest


def test_sizes_are_counted_over_all_parts(data: Path, tmp_path: Path) -> None:
    """Photos of other sizes, in whatever parts, are counted together and named."""
    for number in (3, 11, 17):
        Image.new("RGB", (5, 6)).save(data / "photos" / f"{number:03}.png")
    (data / "photos" / "008.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        made(data, "photos", tmp_path / "store", cut())
    text = str(caught.value)
    assert "sizes: expected one of all samples (or resize = [height, width]; " in text
    assert "got 2 sizes: 20 of 8 x 8 pixels with 3 channels, " in text
    assert "3 of 6 x 5 pixels with 3 channels" in text and "(photos/008.png)" in text
    assert not list((tmp_path / "store").glob("photos/current.json"))


FAULTS = [(row, what) for row in (1, 57, 400) for what in ("number", "class", "fields")]


@pytest.mark.parametrize(("row", "what"), [*FAULTS, (400, "quote")])
def test_rows_are_those_of_the_file(data: Path, tmp_path: Path, row: int, what: str) -> None:
    """A fault in any part is told as it is where all is one part: by the row of the file."""
    lines = (data / "rows.csv").read_text().splitlines()
    fields = lines[row].split(",")
    lines[row] = {
        "number": ",".join([fields[0], "n/a", *fields[2:]]),
        "class": ",".join([*fields[:-1], "9"]),
        "fields": f"{lines[row]},1",
        "quote": ",".join([*fields[:2], '"Rome', *fields[-2:]]),
    }[what]
    (data / "rows.csv").write_text("\n".join(lines) + "\n")
    said = []
    for more in ("", cut()):
        with pytest.raises(InputError) as caught:
            made(data, "rows", tmp_path / "store", more)
        said.append(str(caught.value))
    assert said[0] == said[1] and f"row {row}" in said[0]


def test_all_that_is_wrong_in_all_parts(data: Path, tmp_path: Path) -> None:
    """Faults of several parts are told together, in their order."""
    lines = (data / "rows.csv").read_text().splitlines()
    for row in (20, 200, 380):
        lines[row] = f"x,{lines[row].partition(',')[2]}"
    (data / "rows.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError) as caught:
        made(data, "rows", tmp_path / "store", cut())
    rows = [fault.where for fault in caught.value.faults]
    assert [place.split(",")[0] for place in rows] == ["row 20", "row 200", "row 380"]


OWN = """
import ptm, torch

def read(options, part):
    values = [float(file.path.read_text()) for file in part.files]
    return ptm.Block({{"x": torch.tensor(values)[:, None]}}, {{"x": ("sample", "channel")}},
                     {{"file": [file.name for file in part.files]}}, {more})
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('scaling={"x": ptm.Scaling(("x",))}', ""),
        ('tables={"t": {"a": [1]}}', "got tables['t']"),
        ('scaler=ptm.Scaler("standard", ("x",), (0.0,), (1.0,))', "got scaler"),
        ('facts={"first": part.files[0].name}', "facts['first']: expected the same of each part"),
    ],
)
def test_own_kinds(tmp_path: Path, more: str, expected: str) -> None:
    """Own code that knows nothing of parts is cut between files; what cannot be joined is told."""
    files = tmp_path / "files"
    files.mkdir()
    for number in range(40):
        (files / f"{number:02}.txt").write_text(f"{number}")
    (tmp_path / "own.py").write_text(OWN.format(more=more))
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(
        '[catalog]\nkinds = { own = "own.py" }\n'
        '[x]\nkind = "own"\npath = "files"\npart_bytes = 40\n'
    )
    source = ptm.load_catalog(catalog, data=tmp_path)["x"]
    if expected:
        with pytest.raises(PtmError) as caught:
            ptm.tensorize(source, tmp_path / "store")
        assert expected in str(caught.value) and str(caught.value).startswith("x: ")
        return
    ptm.tensorize(source, tmp_path / "store")
    found = ptm.load("x", tmp_path / "store")
    assert len(found.parts) > 2 and found.table["file"].tolist()[:2] == ["00.txt", "01.txt"]
    values = torch.arange(40.0)
    expected_x = (values - values.mean()) / values.std()
    assert torch.allclose(found.tensors["x"][:, 0], expected_x)


def test_learned_without_a_store(data: Path, tmp_path: Path) -> None:
    """What was learned is loaded from the manifest alone, and does the same to new data."""
    artifact = made(data, "rows", tmp_path / "store", cut())
    manifest = tmp_path / "alone.json"
    manifest.write_text((artifact.path / "manifest.json").read_text())
    learned = ptm.Learned.load(manifest)
    columns = {name: artifact.table[name].tolist() for name in ("id", "size", "city", "big")}
    assert torch.equal(learned.transform(columns)["features"], artifact.tensors["features"])
    assert torch.equal(artifact.transform(columns)["features"], artifact.tensors["features"])
    back = artifact.invert("features", artifact.tensors["features"])
    assert torch.allclose(back[:, 1], torch.tensor(columns["size"]).double(), rtol=1e-6)
    new = learned.transform({**columns, "city": ["Paris"] * 400})["features"]
    assert not new[:, 2:5].any() and torch.equal(new[:, 5], artifact.tensors["features"][:, 5])
    with pytest.raises(PtmError, match="got none for city"):
        learned.transform({name: columns[name] for name in ("id", "size", "big")})
    with pytest.raises(PtmError, match="expected the manifest of an artifact"):
        ptm.Learned.load(data / "rows.csv")
    assert json.loads(manifest.read_text())["learned"]["categories"] == {
        "city": ["Bonn", "Oslo, N", "Rome"]
    }


def test_a_line_is_that_of_the_whole_text(data: Path, tmp_path: Path) -> None:
    """Lines that come before move the line that is asked for, also in parts that stay the same."""
    root, text = tmp_path / "store", data / "text.txt"
    lines = [f"{number:05} is here" for number in range(400)]
    for before in (0, 64, 128):
        text.write_text("\n".join(["00000 is here"] * before + lines) + "\n")
        found = made(data, "text", root, cut(1000))
        expected = ([*["00000 is here"] * before, *lines])[57]
        assert found.manifest["facts"]["line"] == expected and len(found.parts) > 10


def test_a_damaged_part_is_not_taken_for_finished(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part in the pool whose bytes were flipped behind stat's back is read again with rehash."""
    source, root = entry(data, "photos", f'{cut()}\nstore = "raw"'), tmp_path / "store"
    drive(steps(source, root), inline)
    [damaged, *_] = sorted((root / "photos" / "parts").glob("*.pt"))
    stat, raw = damaged.stat(), bytearray(damaged.read_bytes())
    raw[-100] ^= 1
    with damaged.open("r+b") as file:
        file.write(raw)
    os.utime(damaged, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    decoded = Decoded(monkeypatch)
    ref = drive(steps(source, root, rehash=True), inline)
    assert len(decoded.parts) == 1 and ref.why.startswith("damaged")
    assert not [found for found in ptm.store.verify(root) if found.error]


@pytest.mark.parametrize("name", ["rows", "text"])
@pytest.mark.parametrize("size", [1, 7])
def test_the_smallest_parts(data: Path, tmp_path: Path, name: str, size: int) -> None:
    """However few bytes a part may have, there is an end to it."""
    (data / "rows.csv").write_text("id,size,city,big,class\n1,2,Rome,3,1\n2,3,Bonn,4,0\n")
    (data / "text.txt").write_text("it is\na truth\n")
    more = "line = 1" if name == "text" else ""
    catalog = data / "catalog.toml"
    entry_text = ENTRIES[name].replace("line = 57", more)
    catalog.write_text(f"[{name}]\n{entry_text}\npart_bytes = {size}\n")
    ptm.tensorize(ptm.load_catalog(catalog, data=data)[name], tmp_path / "store")
    assert len(ptm.load(name, tmp_path / "store").parts) >= 2


def test_the_name_of_a_file_that_was_renamed(data: Path, tmp_path: Path) -> None:
    """What is wrong is told of the file as it is called now, though its parts were read before."""
    catalog = data / "catalog.toml"
    text = (
        '[rows]\nkind = "table"\npath = "{}"\npart_bytes = 3000\n'
        'measures = {{ city = "categorical" }}\n'
    )
    told = []
    (data / "rows.csv").write_text("x,city\n1e300,a\n" + "1,b\n" * 2000 + "-1e300,c\n")
    for name in ("rows.csv", "other.csv"):
        if name == "other.csv":
            (data / "rows.csv").rename(data / name)
        catalog.write_text(text.format(name))
        [one] = ptm.load_catalog(catalog, data=data).values()
        with pytest.raises(InputError) as raised:
            ptm.tensorize(one, tmp_path / "store")
        told.append(raised.value.file)
    assert told == ["rows.csv", "other.csv"]


def test_the_encoding_of_a_target_is_counted_over_all_parts(data: Path, tmp_path: Path) -> None:
    """As that of categories is: 400 rows of 4 classes, 4 bytes each."""
    for most in (6399, 6400):
        one = entry(data, "rows", f"{cut()}\nmax_bytes = {most}").model_copy(
            update={"measures": {}}
        )
        one = one.model_copy(update={"columns": ("id", "size", "class")})
        if most < 6400:
            with pytest.raises(InputError, match="column 'class'"):
                ptm.tensorize(one, tmp_path / "store")
        else:
            ptm.tensorize(one, tmp_path / "store")
            assert len(ptm.load("rows", tmp_path / "store").parts) > 1


def test_rows_more_at_the_end_of_a_table(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the last part of the file is read, whatever the statistics, and though gc was there."""
    made(data, "rows", tmp_path, cut())
    store.gc(tmp_path)
    read, spans = table_kind.read, list[Any]()

    def noted(options: Any, part: Any) -> Any:
        spans.append(part.span)
        return read(options, part)

    monkeypatch.setattr(table_kind, "read", noted)
    with (data / "rows.csv").open("a") as file:
        file.write("1e6,3,Rome,3,1\n" * 2)
    again = made(data, "rows", tmp_path, cut())
    assert 1 <= len(spans) <= 2 < len(again.parts)
    fresh = made(data, "rows", tmp_path / "fresh", cut())
    assert again.manifest["parts"] == fresh.manifest["parts"]
