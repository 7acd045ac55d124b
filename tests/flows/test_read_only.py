"""A store that may only be read is read by every command that does not make anything."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ptm import store
from ptm.prepare import tensorize
from tests.support.stores import ORDINARY, listing, python, table

READ = f"""{ORDINARY}
import json, sys
from pathlib import Path

import ptm
from ptm import store
from ptm.kinds.table import Options as TableSource
from typer.testing import CliRunner
from flows.terminal.cli import app

root = Path(sys.argv[1])
source = TableSource(name="t", root=root, kind="table", path="t.csv", standardize=False)
told = {{}}
for command in json.loads(sys.argv[2]):
    ran = CliRunner().invoke(app, [*command, "--artifacts", str(root / "store")])
    told[command[0]] = [ran.exit_code, ran.output + repr(ran.exception or "")]
told["tensorize"] = [0, repr(ptm.tensorize(source, root / "store").cached)]
told["load"] = [0, repr(ptm.load("t", root / "store").tensors["features"].tolist())]
store.record_run(root / "store", {{"t": {{"when": "now", "state": "cached"}}}})
print(json.dumps(told))
"""
COMMANDS = [["status"], ["show", "t"], ["explain", "t"], ["verify"], ["gc", "--dry-run"]]


@dataclass(frozen=True)
class Told:
    """What each command and function came to: its exit code, what it said.

    Attributes:
        ends: by command.
        before: what was in the store before, with times.
        after: what is there afterwards.
        temporary: the folder for temporary files.
    """

    ends: dict[str, tuple[int, str]]
    before: dict[str, tuple[int, int, int]]
    after: dict[str, tuple[int, int, int]]
    temporary: Path


@pytest.fixture(
    scope="module", params=["remembered", pytest.param("forgotten", marks=pytest.mark.slow)]
)
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    """All of them on one store, which knows the digests of its files, or does not any more."""
    root = tmp_path_factory.mktemp("read-only")
    (root / "t.csv").write_text("a,b\n1,2\n3,4\n")
    (root / "temporary").mkdir()
    tensorize(table(root, standardize=True), root / "store")
    tensorize(table(root), root / "store")
    store.record_run(root / "store", {"t": {"when": "2000", "state": "made"}})
    (root / "store" / "t" / ".lease-0123456789ab").touch()
    (root / "store" / "t" / ".staging-0123456789ab").mkdir()
    if request.param == "forgotten":
        shutil.rmtree(root / "store" / "t" / "stat")
    permit(root / "store", 0o555, 0o444)
    before = listing(root / "store")
    # the picture is as wide as its path: a narrow terminal would cut it
    environment = {"TMPDIR": str(root / "temporary"), "COLUMNS": "200"}
    ends = json.loads(python(READ, root, json.dumps(COMMANDS), **environment))
    yield Told(ends, before, listing(root / "store"), root / "temporary")
    permit(root / "store", 0o755, 0o644)


def permit(root: Path, folders: int, files: int) -> None:
    for path in [root, *root.rglob("*")]:
        path.chmod(folders if path.is_dir() else files)


@pytest.mark.parametrize("command", [command for command, *_ in COMMANDS])
def test_commands(told: Told, command: str) -> None:
    """Every command that makes nothing ends well."""
    code, said = told.ends[command]
    assert code == 0, said


def test_what_they_say(told: Told) -> None:
    """They say what they say of any store."""
    said = {command: text for command, (_, text) in told.ends.items()}
    assert "features 2x2 float32" in said["status"]
    assert "t: made" in said["explain"] and "option standardize changed" in said["explain"]
    assert "All whole: 2 artifacts of 1 names" in said["verify"]
    assert ".staging-0123456789ab" in said["gc"] and "left by a writer that died" in said["gc"]
    assert said["tensorize"] == "True" and said["load"] == "[[1.0, 2.0], [3.0, 4.0]]"


def test_the_picture(told: Told) -> None:
    """The picture of `ptm show` is drawn into a temporary folder, and its path is told."""
    _, said = told.ends["show"]
    [picture] = told.temporary.glob("*/*.png")
    assert f"Picture: {picture}" in said and "What each column of the 2 rows holds" in said
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert os.listdir(picture.parent) == ["histograms.png"]


def test_nothing_is_written(told: Told) -> None:
    """Nothing in the store has changed."""
    assert told.after == told.before
