"""The catalog where none is named, the commands that are told next, what the shell completes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ptm
from flows.terminal.places import catalog_for, next_run, same_run
from ptm.book import CATALOG, catalog_of
from ptm.command import command
from ptm.errors import ArtifactMissing, CatalogError
from ptm.hints import not_there
from ptm.prepare import tensorize
from tests.support.commands import call_ptm, run_ptm
from tests.support.stores import table

HERE, IN_DATA, IN_ROOT = "catalog.toml", "data/catalog.toml", "elsewhere/catalog.toml"
HEAVY = ("torch", "prefect", "pandas", "pyarrow", "matplotlib")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def place(*names: str) -> None:
    """Catalogs in the working folder."""
    for name in names:
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copyfile(CATALOG, name)


def completed(words: str) -> list[str]:
    """What bash is given for a line whose last word, which may be empty, is being typed."""
    typed = words.split(" ")
    environment = {
        "_PTM_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(typed),
        "COMP_CWORD": str(len(typed) - 1),
    }
    done = run_ptm(**environment)
    assert (done.code, done.err) == (0, "")
    return done.out.split()


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([HERE, IN_DATA, IN_ROOT], HERE),
        ([IN_DATA, IN_ROOT], IN_DATA),
        ([IN_ROOT], IN_ROOT),
        ([HERE, IN_ROOT], HERE),
    ],
    ids=["all", "no own", "of the root", "own and of the root"],
)
def test_order(there: list[str], found: str) -> None:
    """The catalog of the working folder comes first, then that of data/, then the data root's."""
    place(*there)
    assert catalog_for(Path("elsewhere")) == Path(found)


def test_none() -> None:
    """Where there is no catalog, each place that was looked at is named, and what to do."""
    with pytest.raises(CatalogError) as caught:
        catalog_for(Path("else where"))
    for piece in (HERE, IN_DATA, "else where/catalog.toml", "--catalog FILE", "ptm data sample"):
        assert piece in str(caught.value)
    assert "`ptm data pull --data 'else where'`" in str(caught.value)


@pytest.mark.parametrize("command", ["run", "serve"])
def test_commands_without_a_catalog(command: str) -> None:
    """Without a catalog `ptm run` and `ptm serve` end with 2, before anything is started."""
    done = call_ptm(command, PREFECT_HOME=str(Path("prefect").resolve()))
    assert done.code == 2
    assert "got none" in done.words and "ptm data pull" in done.words
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("data", "there", "expected"),
    [
        ("data", [IN_DATA], "ptm run"),
        ("data", [HERE, IN_DATA], "ptm run --data data --catalog data/catalog.toml"),
        ("elsewhere", [IN_ROOT], "ptm run --data elsewhere --catalog elsewhere/catalog.toml"),
        ("elsewhere", [IN_DATA, IN_ROOT], "ptm run --data elsewhere --catalog " + IN_ROOT),
    ],
)
def test_next_run(data: str, there: list[str], expected: str) -> None:
    """The next command is as short as the defaults allow, and means the data root's own catalog."""
    place(*there)
    assert next_run(Path(data), Path(data) / "catalog.toml") == expected


def test_quoted() -> None:
    """A path with a space, a quote or a dollar is one word for the shell."""
    root = Path("it's my $HOME")
    assert shlex.split(command("data", "pull", data=root)) == [
        *("ptm", "data", "pull", "--data", str(root))
    ]
    assert shlex.split(next_run(root, root / "catalog.toml"))[3:] == [
        *(str(root), "--catalog", f"{root}/catalog.toml")
    ]


def _options(**given: Any) -> dict[str, Any]:
    usual = {"catalog": IN_DATA, "data": "data", "artifacts": "artifacts", "sources": None}
    return usual | given


@pytest.mark.parametrize(
    ("options", "runner", "expected"),
    [
        (_options(), "threads", "ptm run"),
        (_options(sources=["wine", "ct"]), "threads", "ptm run wine ct"),
        (_options(), "dask=tcp://a:1", "ptm run --runner dask=tcp://a:1"),
        (_options(artifacts="../my store"), "threads", "ptm run --artifacts '../my store'"),
        (_options(data="here"), "threads", "ptm run --data here"),
        (
            _options(catalog="other.toml", data="./here", artifacts="/s", sources=["wine"]),
            "threads",
            "ptm run wine --data here --catalog other.toml --artifacts /s",
        ),
    ],
)
def test_same_run(options: dict[str, Any], runner: str, expected: str) -> None:
    """What a run was asked for is in its command, but for what the command finds by itself."""
    place(IN_DATA)
    assert same_run(options, runner) == expected


@pytest.mark.parametrize("words", [("status",), ("verify",)])
def test_hints_of_an_empty_store(words: tuple[str, ...], tmp_path: Path) -> None:
    """Where there are no artifacts, the command that makes them names the store."""
    assert "Make them with: ptm run\n" in call_ptm(*words).out
    done = call_ptm(*words, "--artifacts", "my store")
    assert done.out.endswith("Make them with: ptm run --artifacts 'my store'\n")


def test_hints_of_the_store_in_python(tmp_path: Path) -> None:
    """Errors of `ptm.load` name the store, as it was given, where it is not `artifacts`."""
    for store, option in (("artifacts", ""), ("./elsewhere", " --artifacts elsewhere")):
        with pytest.raises(
            ArtifactMissing, match=rf"make it with: ptm run wine_threshold{option}$"
        ):
            ptm.load("wine_threshold", store)


def test_quoted_in_an_error() -> None:
    """The hint for a file of the book that is missing quotes the data root as well."""
    Path("my data").mkdir()
    assert not_there(Path("my data"), "p1ch4").endswith("with: ptm data pull --data 'my data')")


def test_catalog_of_a_root() -> None:
    """A data root without a catalog is given the book's, alone; one that is there stays."""
    Path("data").mkdir()
    assert catalog_of(Path("data")) == Path(IN_DATA)
    assert Path(IN_DATA).read_bytes() == CATALOG.read_bytes()
    assert [path.name for path in Path("data").iterdir()] == ["catalog.toml"]
    Path(IN_DATA).write_text("# mine\n")
    assert catalog_of(Path("data")) == Path(IN_DATA)
    assert Path(IN_DATA).read_text() == "# mine\n"


def test_catalog_of_a_root_that_may_not_be_written() -> None:
    """Where nothing can be written, the catalog is that of the package."""
    Path("file").write_text("no folder")
    assert catalog_of(Path("file")) == CATALOG


def test_sample_with_an_edited_catalog() -> None:
    """`ptm data sample` over a sample whose catalog was edited keeps that, and says so."""
    assert call_ptm("data", "sample", "--data", "s").code == 0
    Path("s/catalog.toml").write_text(
        '[mine]\nkind = "text"\npath = "p1ch4/jane-austen/1342-0.txt"\n'
    )
    done = call_ptm("data", "sample", "--data", "s", "--seed", "1")
    assert done.out.splitlines()[1:] == [
        "Kept s/catalog.toml, which is not the book's.",
        "Next: ptm run --data s --catalog s/catalog.toml",
    ]


def test_list_names_the_root() -> None:
    """`ptm data list` of another data root tells how to get the files into that one."""
    done = call_ptm("data", "list", "--data", "my data")
    assert done.out.splitlines()[-1].endswith("Get them with: ptm data pull --data 'my data'")


def test_completion_of_sources() -> None:
    """For `ptm run` the shell completes the entries of the catalog that it would read."""
    place(IN_DATA)
    assert completed("ptm run ") == [
        *("dog", "cats", "ct", "wine", "bikes", "austen", "temperature"),
        *("wine_threshold", "temperature_fits"),
    ]
    assert completed("ptm run c") == ["cats", "ct"]
    Path("mine.toml").write_text('[mine]\nkind = "text"\npath = "a.txt"\n')
    assert completed("ptm run --catalog mine.toml ") == ["mine"]


RUNS = 'from pathlib import Path\nPath("was-run").touch()\n\n\ndef read(options, part):\n    pass\n'


def test_completion_runs_nothing() -> None:
    """A press of TAB runs no code of a catalog, and tells entries that are not right too."""
    Path("catalog.toml").write_text(
        '[catalog]\nkinds = { pets = "pets.py" }\n'
        '[dogs]\nkind = "pets"\n[wrong]\nkind = "nothing"\n'
    )
    Path("pets.py").write_text(RUNS)
    assert completed("ptm run ") == ["dogs", "wrong"]
    assert not Path("was-run").exists()


def test_show_runs_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """What a kind of ptm made is shown without the catalog of the working folder."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    tensorize(table(tmp_path, "first"), "elsewhere")
    Path("catalog.toml").write_text(
        '[catalog]\nkinds = { pets = "pets.py" }\n[dogs]\nkind = "pets"\npath = "t.csv"\n'
    )
    Path("pets.py").write_text(RUNS)
    assert call_ptm("show", "first", "--artifacts", "elsewhere").code == 0
    assert not Path("was-run").exists()


def test_completion_of_artifacts(tmp_path: Path) -> None:
    """For `show`, `explain` and `verify` it completes the artifacts of the store."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    for name in ("first", "second"):
        tensorize(table(tmp_path, name), "artifacts")
    assert completed("ptm show ") == ["first", "second"]
    assert completed("ptm explain f") == ["first"]
    assert completed("ptm explain first s") == ["second"]
    assert completed("ptm verify first --artifacts nowhere ") == []


@pytest.mark.parametrize("words", ["ptm run w", "ptm show w", "ptm run --catalog broken.toml w"])
def test_completion_of_nothing(words: str) -> None:
    """Without a catalog or a store, or with a broken one, nothing is completed and nothing told."""
    Path("broken.toml").write_text("[wine\n")
    assert completed(words) == []


@pytest.mark.parametrize("line", ["ptm run w", "ptm show w"])
def test_completion_is_light(line: str) -> None:
    """The shell's completion imports nothing heavy: it runs at each press of a key."""
    place(IN_DATA)
    program = (
        "import os, sys\n"
        f"os.environ.update(_PTM_COMPLETE='complete_bash', COMP_WORDS={line!r}, COMP_CWORD='2')\n"
        "sys.argv = ['ptm']\n"
        "from flows.terminal.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        f"print(*sorted(sys.modules.keys() & {set(HEAVY)!r}), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert done.stdout.split() == (["wine", "wine_threshold"] if "run" in line else [])
