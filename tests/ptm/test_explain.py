"""Why the last run made an artifact, or did not, and what sets any two of them apart."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ptm import store
from ptm.catalog import load_catalog
from ptm.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from ptm.explain import Cause, Explanation, causes, compare, explain, shown, why
from ptm.kinds.table import Options as TableSource
from ptm.model import ArtifactRef
from ptm.prepare import tensorize
from ptm.source import Source
from tests.support.kinds import analyze
from tests.support.machine import part_file
from tests.support.parts import whole, write_halves
from tests.support.stores import BOOK, about, check, flip, make, shelf, table

CSV = "a,b\n1,2\n3,4\n"
HEAD = ("kind", "inputs", "options", "code", "packages")


def told(source: Source) -> Explanation:
    return explain(source.name, source.root / "store")


def changed(explanation: Explanation) -> list[tuple[str, str, str]]:
    """What is not as it was before: kind, name and state of each."""
    return [
        (cause.kind, cause.name, cause.state)
        for cause in explanation.causes
        if cause.state != "unchanged"
    ]


def manifest(source: TableSource) -> dict[str, Any]:
    return store.current(source.name, source.root / "store").manifest


def inputs(ref: ArtifactRef) -> list[dict[str, Any]]:
    """The list of the files of which it was made."""
    listed: list[dict[str, Any]] = pq.read_table(Path(ref.path) / "inputs.parquet").to_pylist()
    return listed


def with_inputs(ref: ArtifactRef) -> dict[str, Any]:
    """Its manifest, with each of its files."""
    said: dict[str, Any] = json.loads((Path(ref.path) / "manifest.json").read_bytes())
    return said | {"inputs": inputs(ref)}


def test_made_first(source: TableSource) -> None:
    """What was made first is new, and all that decides it is added."""
    ref = make(source)
    first = told(source)
    assert (first.name, first.decision, first.why) == ("t", "made", "new")
    assert (first.publication, first.before, first.kept) == (Path(ref.path).name, None, [])
    assert {cause.state for cause in first.causes} == {"added"}
    assert {cause.kind for cause in first.causes} == {
        "kind",
        "format",
        "file",
        "option",
        "module",
        "package",
    }
    [file] = [cause for cause in first.causes if cause.kind == "file"]
    assert (file.name, file.before, file.after) == (
        "t.csv",
        None,
        inputs(ref)[0]["sha256"],
    )
    assert Cause("option", "standardize", "added", None, False) in first.causes


def test_an_option(source: TableSource) -> None:
    """An option that was changed is named, from what to what; all else is unchanged."""
    before = make(source)
    other = table(source.root, standardize=True, units={"a": "mm"})
    ref = make(other)
    now = told(source)
    assert Cause("option", "standardize", "changed", False, True) in now.causes
    assert Cause("option", "units.a", "added", None, "mm") in now.causes
    assert len(changed(now)) == 2
    assert now.why == ref.why == "option standardize changed from false to true and 1 more"
    assert now.before == Path(before.path).name and now.kept == [now.before]


def test_a_file(source: TableSource) -> None:
    """A file of which a byte was changed is named, with both its digests."""
    before = inputs(make(source))[0]["sha256"]
    (source.root / "t.csv").write_text(CSV.replace("4", "5"))
    ref = make(source)
    after = inputs(ref)[0]["sha256"]
    now = told(source)
    assert Cause("file", "t.csv", "changed", before, after) in now.causes and before != after
    assert now.why == ref.why == "file t.csv changed" and len(changed(now)) == 1


def test_files_added_and_removed(tmp_path: Path, sample: Path) -> None:
    """A file more and a file less are each told, by the path below the data root."""
    shutil.copytree(sample, tmp_path, dirs_exist_ok=True)
    cats = load_catalog(BOOK, tmp_path)["cats"]
    folder = tmp_path / cats.path
    tensorize(cats, tmp_path / "store")
    (folder / "cat1.png").rename(folder / "other.png")
    ref = tensorize(cats, tmp_path / "store")
    assert sorted(changed(told(cats))) == [
        ("file", f"{cats.path}/cat1.png", "removed"),
        ("file", f"{cats.path}/other.png", "added"),
    ]
    assert ref.why == told(cats).why == f"file {cats.path}/other.png added and 1 more"


@pytest.mark.parametrize(
    ("section", "name", "value", "text"),
    [
        ("code", "ptm.kinds.table", "0" * 64, "module ptm.kinds.table changed"),
        ("code", "ptm.gone", "0" * 64, "module ptm.gone removed"),
        ("packages", "torch", "1.0", "package torch changed from 1.0 to "),
        ("packages", "python", "2.7", "package python changed from 2.7 to 3."),
        ("packages", "gone", "1", "package gone removed"),
    ],
)
def test_modules_and_packages(
    source: TableSource, section: str, name: str, value: str, text: str
) -> None:
    """A module or package that is another than it was is named, with both digests or versions."""
    made = make(source)
    head = about(1, **{key: value for key, value in manifest(source).items() if key in HEAD})
    head[section] = {**head[section], name: value}
    refs, listed = write_halves(source.root / "store", "u"), pa.Table.from_pylist(inputs(made))
    store.publish(source.root / "store", head | {"name": "u"}, refs, whole(), 0, inputs=listed)
    ref = make(table(source.root, "u"))
    now = explain("u", source.root / "store")
    [cause] = [cause for cause in now.causes if cause.state != "unchanged"]
    assert (cause.name, cause.before) == (name, value)
    assert cause.after == manifest(source)[section].get(name)
    assert now.why == ref.why and ref.why.startswith(text)


def digest_of(part: Path) -> str:
    """Of the digests of all parts, of which there is one; it has its own for a name."""
    return hashlib.sha256(part.stem.encode()).hexdigest()


def test_upstream(tmp_path: Path, sample: Path) -> None:
    """Of an analysis, the artifact that it read is told by its tensors and rows, with digests."""
    wine = load_catalog(BOOK, sample)["wine"]
    before = digest_of(part_file(tensorize(wine, tmp_path).path))
    analyze("wine_threshold", tmp_path)
    path = tensorize(wine.model_copy(update={"standardize": False}), tmp_path).path
    after, rows = digest_of(part_file(path)), digest_of(part_file(path, "rows"))
    ref = analyze("wine_threshold", tmp_path)
    now = explain("wine_threshold", tmp_path)
    assert changed(now) == [("upstream", "wine tensors", "changed")]
    assert now.why == ref.why == "upstream wine tensors changed"
    assert Cause("upstream", "wine tensors", "changed", before, after) in now.causes
    assert Cause("upstream", "wine rows", "unchanged", rows, rows) in now.causes
    analyze("wine_threshold", tmp_path, {"threshold": 100.0})
    threshold = next(c for c in explain("wine_threshold", tmp_path).causes if c.name == "threshold")
    assert (threshold.state, threshold.after) == ("changed", 100.0)


def test_healed(source: TableSource) -> None:
    """What was made because a file was damaged says which, and that nothing else changed."""
    damaged = make(source)
    flip(part_file(damaged.path), 9, 1)
    ref = make(source)
    now = told(source)
    assert now.decision == "made" and changed(now) == []
    assert now.why == ref.why
    digest = f"{part_file(ref.path).name[:12]}…"
    assert now.why.startswith(f"damaged: {digest}.pt: expected sha256 {digest}, got ")
    assert str(source.root) not in now.why and len(now.why) < 120


def test_put_back(source: TableSource) -> None:
    """An option put back is found, not made, and compared with the one before."""
    first = make(source)
    other = make(table(source.root, standardize=True))
    back = make(source)
    now = told(source)
    assert (now.decision, now.publication) == ("found", Path(first.path).name)
    assert now.before == Path(other.path).name
    assert now.why == back.why == "option standardize changed from true to false"


def test_the_one_before_was_collected(source: TableSource) -> None:
    """Where the artifact before is gone, that is said, and nothing is taken for changed."""
    before = make(source)
    make(table(source.root, standardize=True))
    store.gc(source.root / "store", keep=1)
    now = told(source)
    assert now.before is None and now.decision == "made"
    assert now.why == (
        f"the one before ({Path(before.path).name}) is not kept any more, so it cannot be compared"
    )


NEXT_YEAR = "2999-01-01T00:00:00+00:00"


def end(state: str, when: str = NEXT_YEAR, message: str = "it rained") -> dict[str, Any]:
    return {"state": state, "when": when, "message": message}


@pytest.mark.parametrize("state", ["failed", "skipped"])
def test_a_run_that_ended_badly(source: TableSource, state: str) -> None:
    """A later run that failed or was skipped is what counts; the artifact before is still there."""
    ref = make(source)
    store.record_run(source.root / "store", {"t": end(state), "u": end(state)})
    now = told(source)
    assert (now.decision, now.when) == (state, NEXT_YEAR)
    assert now.publication == now.before == Path(ref.path).name and changed(now) == []
    assert now.why.startswith("it rained; the artifact that is there was made at 2")
    never = explain("u", source.root / "store")
    assert (never.decision, never.why, never.publication) == (state, "it rained", None)


def test_a_run_that_made_nothing(source: TableSource) -> None:
    """A later run that found it up to date says so; an earlier one says nothing."""
    make(source)
    store.record_run(source.root / "store", {"t": end("cached")})
    assert told(source).decision == "cached" and changed(told(source)) == []
    assert told(source).why.startswith("nothing changed since it was made at 2")
    store.record_run(source.root / "store", {"t": end("cached", "2000-01-01T00:00:00+00:00")})
    assert (told(source).decision, told(source).why) == ("made", "new")


def test_runs_are_noted_by_name(tmp_path: Path) -> None:
    """Each run is noted over the one before, name by name; a store that is a file is no error."""
    store.record_run(tmp_path / "store", {"a": end("made"), "b": end("made")})
    store.record_run(tmp_path / "store", {"b": end("failed")})
    noted = store.recorded_runs(tmp_path / "store")
    assert {name: one["state"] for name, one in noted.items()} == {"a": "made", "b": "failed"}
    assert os.listdir(tmp_path / "store") == ["runs.d"]
    (tmp_path / "file").write_text("")
    store.record_run(tmp_path / "file", {"a": end("made")})
    assert store.recorded_runs(tmp_path / "file") == {}


GARBAGE = [
    b"",
    b"garbage",
    b"[]",
    b"5",
    b"null",
    b"\xff",
    b"[" * 100_000,
    b'{"t": 5}',
    b'{"t": {}}',
    b'{"t": []}',
    b'{"t": {"when": 5, "state": "failed", "message": "x"}}',
    b'{"t": {"when": "3000", "state": null, "message": "x"}}',
    b'{"t": {"when": "3000", "state": "failed", "message": ["x"]}}',
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda raw: repr(raw[:40]))
def test_garbage_for_runs(source: TableSource, garbage: bytes) -> None:
    """A record of runs that is garbage counts as none, and is written anew."""
    make(source)
    (source.root / "store" / "runs.d").mkdir()
    (source.root / "store" / "runs.d" / "000000007-0123456789ab.json").write_bytes(garbage)
    assert store.recorded_runs(source.root / "store") == {}
    assert (told(source).decision, told(source).why) == ("made", "new")
    store.record_run(source.root / "store", {"t": end("failed")})
    assert told(source).decision == "failed"


def test_a_pointer_of_a_key_for_the_current_one(source: TableSource) -> None:
    """A current.json that somebody restored from keys/ is good enough to load and to explain."""
    ref = make(source)
    shutil.copy(shelf(source) / "keys" / f"{ref.key}.json", shelf(source) / "current.json")
    check(source)
    assert (told(source).decision, told(source).why) == ("made", "new")


def test_nothing_to_explain(source: TableSource) -> None:
    """A name that the store does not have is missing; a damaged manifest is named."""
    with pytest.raises(ArtifactMissing, match=r"t: .*there is no such folder.*ptm run t"):
        told(source)
    flip(Path(make(source).path) / "manifest.json", 9, 1)
    with pytest.raises(ArtifactCorrupt, match=r"manifest\.json"):
        told(source)


def test_compare(source: TableSource) -> None:
    """Any two artifacts that are kept are compared by name, publication, key, or how they begin."""
    old, new = make(source), make(table(source.root, standardize=True))
    other = make(table(source.root, "u", standardize=False))
    root = source.root / "store"
    expected = causes(with_inputs(old), with_inputs(new))
    assert [c.name for c in expected if c.state != "unchanged"] == ["standardize"]
    for word in (new.key, new.key[:12], new.key[:9], Path(new.path).name, Path(new.path).name[:20]):
        assert compare(Path(old.path).name, word, root) == expected
    assert {cause.state for cause in compare("t", new.key, root)} == {"unchanged"}
    assert {cause.state for cause in compare("u", Path(old.path).name, root)} == {"unchanged"}
    assert other.key == old.key
    with pytest.raises(ArtifactMissing, match="got 2 that begin like that"):
        compare(old.key, "t", root)


@pytest.mark.parametrize("word", ["", "nothing", "zz", "0" * 64])
def test_compare_with_nothing(source: TableSource, word: str) -> None:
    """A word that names no artifact, or several, is missing; what there is is listed."""
    refs = [make(source), make(table(source.root, standardize=True))]
    with pytest.raises(ArtifactMissing, match="expected a name, a publication or a key") as raised:
        compare(word, "t", source.root / "store")
    assert all(Path(ref.path).name in str(raised.value) for ref in refs)
    with pytest.raises(ArtifactMissing, match="there is no such folder"):
        compare("t", "t", source.root / "nowhere")


def test_compare_with_what_is_damaged(source: TableSource) -> None:
    """An artifact whose manifest is damaged cannot be compared: a StoreError that names it."""
    old = make(source)
    make(table(source.root, standardize=True))
    flip(Path(old.path) / "manifest.json", 9, 1)
    with pytest.raises(StoreError, match=Path(old.path).name):
        compare(Path(old.path).name, "t", source.root / "store")


def test_words() -> None:
    """A cause reads as a sentence; digests are cut or left out, long values cut."""
    head = {"inputs": [{"path": "a", "sha256": "0" * 64}], "options": {"x": "y" * 99}, "code": {}}
    other = {"inputs": [{"path": "a", "sha256": "1" * 64}], "options": {"x": 1}, "code": {"m": "2"}}
    assert [str(cause) for cause in causes(head, other)] == [
        "file a changed",
        f"option x changed from {'y' * 59}… to 1",
        "module m added",
    ]
    assert str(causes(other, head)[-1]) == "module m removed"
    assert str(causes(head, head)[0]) == "file a unchanged"
    assert shown("0" * 64) == f"{'0' * 12}…" and shown([1, "x"]) == '[1, "x"]'
    assert why(None, head) == "new" and why(head, other).endswith(" and 2 more")
    assert why(head, head) == "the store had none for its key any more"
