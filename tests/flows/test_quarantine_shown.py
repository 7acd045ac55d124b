"""Samples in quarantine, as a run tells them: in the terminal and in the dashboard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ptm
from flows.running.runner_names import RUNNERS
from tests.support.commands import call_ptm
from tests.support.machine import expect_runner
from tests.support.photos import numbers_in, write_photos
from tests.support.servers import flow_run_in, recorded
from tests.support.stores import digests

pytestmark = [pytest.mark.operate]
COUNT, SIDE, BROKEN = 60, 16, (3, 4, 31)


@pytest.mark.parametrize(
    "runner",
    [r if r == "threads" else pytest.param(r, marks=pytest.mark.slow) for r in RUNNERS],
)
def test_a_run(server: str, tmp_path: Path, runner: str) -> None:
    """Each runner makes the same; table and note tell how many, the dashboard has them all."""
    expect_runner(runner)
    photos = write_photos(tmp_path / "data", COUNT, SIDE, 4 * SIDE * SIDE * 3)
    for number in BROKEN:
        (photos.folder / f"{number:05}.png").write_text("no photo")
    text = photos.catalog.read_text().replace("\npath", '\non_bad = "quarantine"\npath')
    strict = text.partition("\n\n")[0].replace("[raw]", "[strict]")
    photos.catalog.write_text(f"{text}\n{strict}\nmax_bad = 2\n")
    store = tmp_path / "store"
    done = call_ptm("run", *photos.place(store), "--runner", runner)
    assert done.code == 1, done
    lines = {line.split()[0]: line.split() for line in done.out.splitlines() if line.split()}
    assert "quarantine" in lines["source"] and lines["raw"][-2:] == ["3", "made"], done.out
    assert "note raw: 3 of 60 samples are in quarantine" in done.words
    assert "expected at most 2 bad samples (max_bad), got 3 of 60" in done.words
    assert max(map(len, (line for line in done.out.splitlines() if "/" not in line))) <= 80
    shown = recorded(server, flow_run_in(done.out)).artifacts
    for name in ("raw", "scaled"):
        found = ptm.load(name, store)
        assert numbers_in(found) == [n for n in range(COUNT) if n not in BROKEN]
        rows = json.loads(shown[f"catalog-{name}-quarantine"]["data"])
        assert [row["path"] for row in rows] == [f"{number:05}.png" for number in BROKEN]
        assert {row["expected"] for row in rows} == {"a whole image"}
    sources = json.loads(shown["catalog-sources"]["data"])
    assert {row["source"]: row["quarantine"] for row in sources} == {
        **{"strict": "", "raw": 3, "scaled": 3}
    }
    assert len(json.loads(shown["catalog-failures"]["data"])) >= 4
    for name in ("raw", "scaled"):
        source = photos.source(name)
        ptm.tensorize(source, tmp_path / "here")
    made = {name: sha for name, sha in digests(store).items() if "/views" not in name}
    here = {name: sha for name, sha in digests(tmp_path / "here").items() if "/views" not in name}
    assert {n: sha for n, sha in made.items() if not n.startswith("strict")} == here


def test_show(tmp_path: Path) -> None:
    """`ptm show` has them once, at 80 columns."""
    photos = write_photos(tmp_path / "data", 8, SIDE, 1 << 20)
    (photos.folder / "00002.png").write_bytes(b"")
    text = photos.catalog.read_text().replace("\npath", '\non_bad = "quarantine"\npath')
    photos.catalog.write_text(text)
    ptm.tensorize(photos.source("raw"), tmp_path / "store")
    done = call_ptm("show", "raw", "--artifacts", tmp_path / "store")
    assert done.out.count("00002.png") == 1 and "an empty file" in done.words
    assert "1 of 8 samples is in quarantine" in done.words
