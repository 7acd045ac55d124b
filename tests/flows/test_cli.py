"""The `ptm` command as a person meets it: exit codes, what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ptm.book import REGISTRY
from ptm.download import read_registry
from tests.support.bad_inputs import BAD_IMAGES, TABLE, WINE, BadInput, file, write_all
from tests.support.commands import call_ptm, run_ptm
from tests.support.servers import recorded

SOURCES = ["dog", "cats", "ct", "wine", "bikes", "austen", "temperature"]
NAMES = [*SOURCES, "wine_threshold", "temperature_fits"]
HEAVY = "torch", "prefect"
NOWHERE = "http://127.0.0.1:9"
GOOD_TABLE = BadInput("grapes", file("wine.csv", TABLE), WINE, ())


def imported(*arguments: str) -> str:
    """Runs the command in a fresh interpreter; which of the heavy packages it imported."""
    program = (
        "import sys\n"
        f"sys.argv = ['ptm', *{list(arguments)!r}]\n"
        "from flows.terminal.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"print(*sorted(sys.modules.keys() & {set(HEAVY)!r}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.strip()


def too_wide(text: str) -> list[str]:
    """Lines of more than 80 characters that hold neither a path nor an address."""
    return [line for line in text.splitlines() if len(line) > 80 and "/" not in line]


def test_help_lists_the_commands() -> None:
    """`ptm --help` lists every command with what it does, within 80 columns."""
    done = run_ptm("--help")
    assert done.code == 0
    for command in ("run", "status", "show", "data", "server"):
        assert f"\n  {command} " in done.out
    assert not too_wide(done.out)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["data", "list"], ["status"]], ids=" ".join
)
def test_quick_commands_import_nothing_heavy(arguments: list[str]) -> None:
    """Commands that only tell something import neither torch nor Prefect."""
    assert imported(*arguments) == ""


def test_status_of_artifacts_imports_nothing_heavy(sample_run: Any) -> None:
    """`ptm status` of a store with artifacts imports neither torch nor Prefect."""
    assert imported("status", "--artifacts", str(sample_run.store)) == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--nosuch"], "No such option: --nosuch"),
        (["nosuch"], "No such command 'nosuch'"),
        (["run", "wien"], "no source 'wien' in the catalog (did you mean 'wine'?)"),
        (["run", "--runner", "trains"], "expected one of threads, processes"),
        (["run", "--runner", "threads=4"], "expected one of threads, processes"),
        (["run", "--catalog", "broken.toml"], "broken.toml: expected TOML"),
        (["run", "--catalog", "none.toml"], "none.toml: expected a catalog, got: No such file"),
        (["run", "--catalog", "option.toml"], "[cats] standardise: unknown option"),
        (["show"], "Missing argument"),
        (["data", "sample", "--scale", "0"], "--scale"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(
    request: pytest.FixtureRequest, tmp_path: Path, arguments: list[str], says: str
) -> None:
    """Wrong usage and a wrong catalog end with code 2 and say what is wrong; nothing is made."""
    (tmp_path / "broken.toml").write_text("[cats\n")
    (tmp_path / "option.toml").write_text(
        '[cats]\nkind = "images"\npath = "cats"\nstandardise = true\n'
    )
    if "--catalog" not in arguments and arguments[0] == "run":
        arguments = [*arguments, "--catalog", str(request.config.rootpath / "data/catalog.toml")]
    done = call_ptm(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert says in done.words
    assert "Traceback" not in done.err
    assert not (tmp_path / "artifacts").exists()


def test_wrong_usage_starts_nothing(book_catalog: Path, tmp_path: Path) -> None:
    """A command that is wrong ends before a Prefect home is made or a server started."""
    home = tmp_path / "prefect"
    done = run_ptm("run", "wien", "--catalog", book_catalog, cwd=tmp_path, PREFECT_HOME=str(home))
    assert done.code == 2 and "did you mean 'wine'?" in done.words
    assert list(tmp_path.iterdir()) == [] and done.left_behind == []


def test_run_says_what_it_made(sample_run: Any) -> None:
    """A good run ends with code 0, one row for each source, and where to look next."""
    done = sample_run.done
    assert done.code == 0, done
    for name in NAMES:
        assert f"\n{name}: made in " in f"\n{done.out}"
        assert f"\n {name} " in done.out
    for piece in ("features 400x11 float32", "target_onehot 400x10 float32", " kB", " made"):
        assert piece in done.out
    assert f"Artifacts: {sample_run.store}" in done.out
    assert "Run in the dashboard: http://127.0.0.1:" in done.out
    assert "Look closer: ptm show dog" in done.out
    assert not too_wide(done.out)


def test_tasks_need_no_server(server: str, sample_run: Any) -> None:
    """Only the run has ptm's tag: before a task with a tag begins, Prefect asks the server."""
    known = recorded(server, sample_run.flow_run)
    assert known.flow_run["tags"] == ["ptm"]
    assert {name: task["tags"] for name, task in known.tasks.items() if task["tags"]} == {}


def test_run_leaves_nothing_behind(sample_run: Any) -> None:
    """When a run has ended, none of its processes is left, and nothing was written to stderr."""
    assert sample_run.done.left_behind == []
    assert sample_run.done.err == ""


@pytest.mark.slow
def test_processes_leave_nothing_behind(processes_run: Any) -> None:
    """When a run in processes has ended, none of them is left, and stderr is empty."""
    assert processes_run.done.code == 0
    assert processes_run.done.left_behind == []
    assert processes_run.done.err == ""


def test_run_with_a_bad_source(server: str, tmp_path: Path) -> None:
    """A source that fails ends the run with code 1, named with file, expected and got."""
    bad = BAD_IMAGES[0]
    root, store = tmp_path / "data", tmp_path / "artifacts"
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(write_all(root, [bad, GOOD_TABLE]), encoding="utf-8")
    options = ("--catalog", catalog, "--data", root, "--artifacts", store)
    done = call_ptm("run", *options)
    assert done.code == 1
    for piece in (f"{bad.name}: ", *bad.says):
        assert piece in done.words
    assert "Traceback" not in done.out + done.err
    assert not too_wide(done.out)
    assert [path.parent.name for path in store.glob("*/current.json")] == ["grapes"]


def test_status(sample_run: Any) -> None:
    """`ptm status` lists each artifact with its tensors, within 80 columns."""
    done = call_ptm("status", "--artifacts", sample_run.store)
    assert done.code == 0
    for name in NAMES:
        assert f"\n {name} " in done.out
    assert "features 400x11 float32" in done.out
    assert not too_wide(done.out)


def test_status_json(sample_run: Any) -> None:
    """`ptm status --json` is one JSON list with name, kind, key and tensors of each artifact."""
    done = call_ptm("status", "--json", "--artifacts", sample_run.store)
    assert done.code == 0
    rows = {row["name"]: row for row in json.loads(done.out)}
    assert sorted(rows) == sorted(NAMES)
    assert rows["ct"]["kind"] == "volume"
    assert rows["ct"]["tensors"]["volume"]["shape"] == [1, 12, 64, 64]
    assert all(len(row["key"]) == 64 and row["bytes"] > 0 for row in rows.values())


def test_status_of_nothing(tmp_path: Path) -> None:
    """`ptm status` of a store that is not there says so, ends with code 0 and makes nothing."""
    done = call_ptm("status", "--artifacts", tmp_path / "none")
    assert done.code == 0
    assert "No artifacts in" in done.words
    assert json.loads(call_ptm("status", "--json", "--artifacts", tmp_path / "none").out) == []
    assert not (tmp_path / "none").exists()


def test_status_of_a_damaged_artifact(tmp_path: Path) -> None:
    """`ptm status` names an artifact whose manifest is damaged and ends with code 1."""
    import ptm as library

    root = tmp_path / "data"
    (tmp_path / "catalog.toml").write_text(GOOD_TABLE.write(root))
    source = library.load_catalog(tmp_path / "catalog.toml", root)["grapes"]
    ref = library.tensorize(source, tmp_path / "artifacts")
    (Path(ref.path) / "manifest.json").write_text("{}")
    done = call_ptm("status", "--artifacts", tmp_path / "artifacts")
    assert done.code == 1
    assert "grapes: manifest.json: expected sha256" in done.words


@pytest.mark.parametrize("name", NAMES)
def test_show(name: str, sample_run: Any) -> None:
    """`ptm show NAME` prints shapes, first rows, and each view: a sentence, a table or a path."""
    done = call_ptm("show", name, "--artifacts", sample_run.store)
    assert done.code == 0
    out = done.out
    manifest = next((sample_run.store / name).glob("*/manifest.json"))
    for tensor, entry in json.loads(manifest.read_bytes())["tensors"].items():
        row = next(line.split() for line in out.splitlines() if line.startswith(f" {tensor} "))
        assert " ".join(map(str, entry["shape"])) in " ".join(row).replace(" x ", " ")
        assert entry["dtype"] in row
    assert "the first:" in out
    pictures = [line.removeprefix("Picture: ") for line in out.splitlines() if "Picture: " in line]
    [index] = (sample_run.store / name).glob("views/*.json")
    views = json.loads(index.read_bytes())["views"]
    assert pictures == [str(index.with_name(view["file"])) for view in views if view["file"]]
    assert pictures and all(view["sentence"] in done.words for view in views)
    for picture in pictures:
        with Image.open(picture) as image:
            assert image.format == "PNG" and min(image.size) >= 64
    assert not too_wide(out)


def test_show_of_nothing(sample_run: Any) -> None:
    """`ptm show` of a name that is not in the store ends with code 1 and lists what is there."""
    done = call_ptm("show", "nosuch", "--artifacts", sample_run.store)
    assert done.code == 1
    assert "nosuch: expected an artifact in" in done.words
    assert all(name in done.words for name in NAMES)
    assert "Traceback" not in done.err


def test_data_sample(tmp_path: Path) -> None:
    """`ptm data sample` makes a data root and says what next; it refuses a folder not its own."""
    done = call_ptm("data", "sample", "--data", tmp_path / "sample")
    assert done.code == 0
    assert (tmp_path / "sample/p1ch4/image-dog/bobby.jpg").is_file()
    assert "Next: ptm run --data" in done.words
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = call_ptm("data", "sample", "--data", tmp_path / "mine")
    assert done.code == 1
    assert "thesis.txt" in done.words and "nothing was touched" in done.words
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_data_list(sample: Path) -> None:
    """`ptm data list` counts, for each folder of the registry, the files that are there."""
    done = call_ptm("data", "list", "--data", sample)
    assert done.code == 0
    rows = {line.split()[0]: line.split()[-2:] for line in done.out.splitlines() if "p1ch4" in line}
    assert rows["p1ch4/image-cats"] == ["3", "3"]
    assert rows["p1ch4/volumetric-dicom/2-LUNG"] == ["99", "12"]
    assert "87 are missing. Get them with: ptm data pull" in done.words
    assert not too_wide(done.out)


def test_data_pull_from_a_folder(book: Path, tmp_path: Path) -> None:
    """`ptm data pull` copies from the mirror what is not there, and nothing the second time."""
    environment = {"PTM_DATA_MIRROR": str(book)}
    done = call_ptm("data", "pull", "--data", tmp_path / "data", **environment)
    count = len(read_registry(REGISTRY))
    assert done.code == 0, done
    assert f"{count} files fetched, 0 were there" in done.words
    again = call_ptm("data", "pull", "--data", tmp_path / "data", **environment)
    assert again.code == 0
    assert f"0 files fetched, {count} were there" in again.words


@pytest.mark.parametrize(
    ("mirror", "says"), [(f"{NOWHERE}/", NOWHERE), ("no/such/folder", "no/such/folder")]
)
def test_data_pull_from_nowhere(tmp_path: Path, mirror: str, says: str) -> None:
    """A mirror that cannot be reached ends `ptm data pull` within seconds, code 1, and is named."""
    start = time.monotonic()
    done = call_ptm("data", "pull", "--data", tmp_path / "data", PTM_DATA_MIRROR=mirror)
    assert time.monotonic() - start < 30
    assert done.code == 1
    assert says in done.words and "PTM_DATA_MIRROR" in done.words
    assert "Traceback" not in done.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
