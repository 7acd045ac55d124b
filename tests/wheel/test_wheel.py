"""The wheel in an empty environment: each command, in a folder that knows nothing of a checkout."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from functools import partial
from pathlib import Path

import pytest

from ptm.book import CATALOG, REGISTRY
from ptm.download import read_registry
from ptm.registry import KINDS
from tests.support.commands import Done
from tests.support.installed import Installed, pip
from tests.support.machine import ROOT
from tests.support.stores import python

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
NOWHERE = "http://127.0.0.1:9"
BOOK_SOURCES = ["dog", "cats", "ct", "wine", "bikes", "austen", "temperature"]
ANALYSES = ["wine_threshold", "temperature_fits"]
# prints the digests of all modules that decide what the kinds make, by kind
DECIDING = """
import json
from ptm.registry import KINDS, kind_named
from ptm.key import code_of
print(json.dumps({kind: code_of(kind_named(kind)).digests for kind in KINDS}))
"""
# prints key and digests of all that a run would make
MAKE = """
import json, sys
import ptm
catalog, data, store = sys.argv[1:]
refs = [ptm.tensorize(source, store) for source in ptm.load_catalog(catalog, data).values()]
print(json.dumps({ref.name: [ref.key, ref.digests] for ref in refs}))
"""


def next_command(done: Done) -> list[str]:
    """The words of the command that the last line tells to go on with."""
    last = done.out.splitlines()[-1]
    assert last.startswith("Next: "), done.out
    return shlex.split(last.removeprefix("Next: "))


def test_contents(wheel: Path) -> None:
    """The wheel has the modules, registry, catalog and `py.typed` of its packages, nothing else."""
    modules = {
        place.relative_to(ROOT).as_posix()
        for package in ("ptm", "tasks", "flows")
        for place in (ROOT / package).rglob("*.py")
    }
    data = {"ptm/book/registry.txt", "ptm/book/catalog.toml"}
    typed = {f"{package}/py.typed" for package in ("ptm", "tasks", "flows")}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = f"ptm-{VERSION}.dist-info/"
    assert {name for name in names if not name.startswith(about)} == modules | data | typed
    assert f"{about}licenses/LICENSE" in names


def test_nothing_of_the_checkout(installed: Installed, empty: Path) -> None:
    """In the environment `ptm`, `tasks` and `flows` are those of the wheel."""
    code = (
        "import ptm, tasks, flows; print(ptm.__file__, tasks.__file__, flows.__file__, sep='\\n')"
    )
    done = installed.run("python", "-c", code, cwd=empty)
    assert done.code == 0, done.err
    folders = [Path(line).parent.parent for line in done.out.splitlines()]
    assert folders == [installed.packages] * 3


@pytest.mark.parametrize("command", [("ptm",), ("python", "-m", "ptm")], ids=" ".join)
def test_version(installed: Installed, empty: Path, command: tuple[str, ...]) -> None:
    """`ptm --version`, and so `python -m ptm --version`, is the version of the package."""
    done = installed.run(*command, "--version", cwd=empty)
    assert (done.code, done.out, done.err) == (0, f"ptm {VERSION}\n", "")


def test_data_list(installed: Installed, empty: Path) -> None:
    """`ptm data list` knows the registry's 107 files in a folder that has none, and what to do."""
    done = installed.run("ptm", "data", "list", cwd=empty)
    assert done.code == 0, done.err
    counts = re.findall(r"p1ch4/.*?(\d+) +0 *$", done.out, re.MULTILINE)
    assert sum(map(int, counts)) == len(read_registry(REGISTRY)) == 107
    assert done.out.splitlines()[-1] == "107 are missing. Get them with: ptm data pull"
    assert not list(empty.iterdir())


def test_data_sample(installed: Installed, empty: Path) -> None:
    """`ptm data sample` writes data and catalog; the command that it tells works where one is."""
    done = installed.run("ptm", "data", "sample", "--data", "small data", cwd=empty)
    assert done.code == 0, done.err
    command = next_command(done)
    assert command == [
        *("ptm", "run", "--data", "small data", "--catalog", "small data/catalog.toml")
    ]
    again = installed.run(*command, "--dry-run", cwd=empty)
    assert again.code == 0, again.err
    assert "A run would make 7 of 9." in again.words


def test_no_catalog(installed: Installed, empty: Path) -> None:
    """`ptm run` in an empty folder ends with 2; it says what it looked for and what to do next."""
    done = installed.run("ptm", "run", cwd=empty)
    assert done.code == 2
    for piece in ("catalog.toml", "data/catalog.toml", "ptm data pull", "ptm data sample"):
        assert piece in done.words
    assert "--catalog FILE" in done.words and "Traceback" not in done.err
    assert not list(empty.iterdir())


def test_code_in_the_key(installed: Installed, empty: Path) -> None:
    """The code that decides contents is found in the wheel, and is that of the checkout."""
    done = installed.run("python", "-c", DECIDING, cwd=empty)
    assert done.code == 0, done.err
    assert done.out == python(DECIDING)
    found = json.loads(done.out)
    assert {"ptm.kinds.table", "ptm.scaling", "ptm.readers.delimited.rows"} <= set(found["table"])
    assert {"ptm.kinds.fits", "ptm.kinds.fits.descent"} <= set(found["fits"])
    assert all(KINDS[kind] in found[kind] for kind in KINDS)
    assert not any("ptm.draw" in name for modules in found.values() for name in modules)


@pytest.mark.slow
def test_keys_and_bytes(installed: Installed, sample: Path, tmp_path: Path) -> None:
    """What the wheel makes has the keys and the bytes of what the checkout makes."""
    arguments = (str(sample / "catalog.toml"), str(sample))
    of_checkout = json.loads(python(MAKE, *arguments, tmp_path / "checkout"))
    done = installed.run("python", "-c", MAKE, *arguments, tmp_path / "wheel", cwd=tmp_path)
    assert done.code == 0, done.err
    assert json.loads(done.out) == of_checkout
    assert list(of_checkout) == [*BOOK_SOURCES, *ANALYSES]


def test_own_modules(installed: Installed, empty: Path) -> None:
    """Beside a `tasks.py` of the user's own the command works, and `python -m ptm` names it."""
    (empty / "tasks.py").write_text("raise RuntimeError\n")
    assert installed.run("ptm", "status", cwd=empty).code == 0
    done = installed.run("python", "-m", "ptm", "status", cwd=empty)
    assert done.code == 2
    assert str(empty / "tasks.py") in done.err and str(installed.packages / "tasks") in done.err


@pytest.mark.slow
def test_no_mirror(installed: Installed, empty: Path) -> None:
    """A pull from where nothing listens ends with 1, names the address, and leaves no catalog."""
    done = installed.run("ptm", "data", "pull", cwd=empty, PTM_DATA_MIRROR=NOWHERE)
    assert done.code == 1
    assert NOWHERE in done.err and "ptm data sample" in done.err
    assert not [path for path in empty.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_every_command(installed: Installed, empty: Path, book: Path) -> None:
    """From a pull to `ptm gc` each command does its work in a folder that was empty."""
    ran = partial(installed.run, cwd=empty)
    pulled = ran("ptm", "data", "pull", PTM_DATA_MIRROR=str(book))
    assert pulled.code == 0, pulled.err
    assert "107 files fetched" in pulled.words
    assert (empty / "data" / "catalog.toml").read_bytes() == CATALOG.read_bytes()
    assert "107 are missing" not in ran("ptm", "data", "list").out
    assert next_command(pulled) == ["ptm", "run"]
    made = ran("ptm", "run")
    assert made.code == 0, made
    for name in (*BOOK_SOURCES, *ANALYSES):
        assert f"\n{name}: made in " in f"\n{made.out}"
    status = json.loads(ran("python", "-m", "ptm", "status", "--json").out)
    assert {row["name"] for row in status} == {*BOOK_SOURCES, *ANALYSES}
    assert "4898 x 11" in ran("ptm", "show", "wine").out
    assert "Why: new" in ran("ptm", "explain", "wine").out
    for words in (["verify"], ["gc"], ["run", "--dry-run"], ["server", "status"]):
        done = ran("ptm", *words)
        assert (done.code, done.err) == (0, ""), words
    called = ran("python", "-c", "from flows.pipeline import pipeline; print(pipeline()['wine'])")
    assert called.code == 0, called.err
    assert "<ArtifactRef wine (table): " in called.out and "cached>" in called.out
    assert ran("ptm", "server", "stop").out.startswith("Stopped the server on ")
    assert ran("ptm", "server", "status").code == 1
    assert ran("ptm", "server", "start").code == 0
    assert ran("ptm", "server", "status").code == 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_pip_install(wheel: Path, tmp_path: Path) -> None:
    """`pip install` of the wheel into an empty environment brings all that a run needs."""
    own = Installed(tmp_path / "venv", tmp_path / "home")
    own.home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(own.venv)], check=True)
    constraints = ROOT / "constraints.txt"
    torch = next(line for line in constraints.read_text().split() if line.startswith("torch=="))
    target = ("--python", own.venv / "bin" / "python")
    # torch first and pinned, as in the Makefile: a looser request would take a much larger build
    install = (*target, "install", "--quiet", "--no-compile", "--constraint", constraints)
    pip(*install, torch, seconds=500)
    pip(*install, wheel, seconds=500)
    assert pip(*target, "check").strip() == "No broken requirements found."
    sampled = own.run("ptm", "data", "sample", cwd=own.home)
    made = own.run(*next_command(sampled), "wine_threshold", cwd=own.home)
    assert own.run("ptm", "server", "stop", cwd=own.home).code == 0
    assert made.code == 0, made
    assert "wine: made in" in made.out and "wine_threshold: made in" in made.out
