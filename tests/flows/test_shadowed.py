"""A working folder with modules of the same names: ptm finds its own, or says what is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from flows.running.engine import FLOWS
from ptm import origin
from tests.support.commands import Started, run_ptm, wait_until
from tests.support.machine import ROOT
from tests.support.servers import Home, recorded, served_run

# what ptm and Prefect import late is among them: queue, secrets, statistics
NAMES = ("flows", "tasks", "ptm", "queue", "secrets", "statistics")
MINE = "raise RuntimeError('a module of mine')\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A working folder with modules of a user's own, none of which can be imported."""
    folder = tmp_path / "mine"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows" / "__init__.py").write_text(MINE)
    for name in NAMES[1:]:
        (folder / f"{name}.py").write_text(MINE)
    return folder


def ran(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What came of a Python in a working folder."""
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def write_catalog(place: Path) -> None:
    """A catalog in a working folder: one table, whose rows are in it."""
    text = '[grapes]\nkind = "table"\ncolumns = ["a", "b"]\nrows = [[1, 2], [3, 4]]\n'
    (place / "catalog.toml").write_text(text)


def state_of(api: str, run: str) -> str:
    """The state of a run."""
    state: str = recorded(api, run).flow_run["state_name"]
    return state


@pytest.mark.parametrize("arguments", [["--version"], ["status"], ["data", "list"]], ids=" ".join)
def test_commands(mine: Path, arguments: list[str]) -> None:
    """The `ptm` command looks for no module in the working folder."""
    done = run_ptm(*arguments, cwd=mine)
    assert (done.code, done.err) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["threads", "processes", "dask", "ray"])
def test_run(mine: Path, server: str, runner: str) -> None:
    """`ptm run` makes its artifacts there, wherever its tasks run."""
    write_catalog(mine)
    done = run_ptm("run", "--runner", runner, cwd=mine)
    assert done.code == 0, done
    assert "grapes: made in" in done.out
    assert (mine / "artifacts" / "grapes" / "current.json").is_file()


@pytest.mark.slow
def test_serve(
    mine: Path, home: Home, start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ptm serve`, the server that it starts and a run that is asked for do well there."""
    write_catalog(mine)
    monkeypatch.chdir(mine)
    served = start("serve", **home.environment)
    served.wait_for("Stop with Ctrl-C")
    run = served_run(home.api, "source", "catalog", source="grapes")
    ended = ("Completed", "Failed", "Crashed")
    wait_until(lambda: state_of(home.api, run["id"]) in ended, 120, "the run ends")
    assert state_of(home.api, run["id"]) == "Completed"
    served.signal(signal.SIGINT)
    assert served.end().code == 0


def test_engine_of_served_runs(mine: Path) -> None:
    """A process that `ptm serve` starts has ptm's own flows, whatever stands beside it."""
    code = (
        "from flows.running.engine import FLOWS, flow_named\n"
        "for name in FLOWS: print(flow_named(name).fn.__globals__['__file__'])\n"
    )
    done = ran("-P", "-c", code, cwd=mine)
    assert done.returncode == 0, done.stderr
    expected = [ROOT / f"{module.replace('.', '/')}.py" for module in FLOWS.values()]
    assert [Path(line) for line in done.stdout.splitlines()] == expected


@pytest.mark.parametrize("name", ["flows", "tasks"])
def test_module_command(mine: Path, name: str) -> None:
    """`python -m ptm` names the file that it found in place of its own package, and what to do."""
    for other in {*NAMES} - {name}:
        (mine / f"{other}.py").unlink(missing_ok=True)
    if name != "flows":
        (mine / "flows" / "__init__.py").unlink()
        (mine / "flows").rmdir()
    done = ran("-m", "ptm", "--version", cwd=mine)
    assert (done.returncode, done.stdout) == (2, "")
    found = mine / ("flows" if name == "flows" else "tasks.py")
    for piece in (f"'{name}'", str(found), str(ROOT / name), "python -P -m ptm", "rename"):
        assert piece in done.stderr
    assert "Traceback" not in done.stderr
    assert ran("-P", "-m", "ptm", "--version", cwd=mine).stdout.startswith("ptm ")


def test_module_command_alone(tmp_path: Path) -> None:
    """`python -m ptm` is the `ptm` command, and its exit code that command's."""
    assert ran("-m", "ptm", "--version", cwd=tmp_path).stdout == run_ptm("--version").out
    assert ran("-m", "ptm", "show", "nosuch", cwd=tmp_path).returncode == 1


def test_import_beside_a_stranger(tmp_path: Path) -> None:
    """In a notebook beside a `tasks.py`, importing a flow names that file and ptm's own folder."""
    (tmp_path / "tasks.py").write_text(MINE)
    done = ran("-c", "from flows.pipeline import pipeline", cwd=tmp_path)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: expected ptm's own package 'tasks'")
    assert str(tmp_path / "tasks.py") in last and str(ROOT / "tasks") in last


def test_stranger_that_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stranger that a program imported before is named as well; a module without a file too."""
    import_module("tasks")
    (tmp_path / "tasks.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tasks")
    import tasks

    assert tasks.__file__ == str(tmp_path / "tasks.py")
    with pytest.raises(ImportError, match=r"got .*tasks\.py, which comes first"):
        origin.expect_ours("tasks")
    monkeypatch.setitem(sys.modules, "tasks", type(os)("tasks"))
    with pytest.raises(ImportError, match="got none"):
        origin.expect_ours("tasks")
