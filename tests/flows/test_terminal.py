"""The command on terminals that lack letters, are narrow, closed, or left by their reader."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len

from flows.terminal import console as printing
from flows.terminal.console import Rows, prose
from ptm.catalog import load_catalog
from ptm.prepare import tensorize
from tests.support.commands import PTM, call_ptm, wait_until
from tests.support.servers import (
    Hold,
    client_of,
    deployment,
    recorded,
    served_run,
    states_of,
)

C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LACKING = {
    "C locale": (C_LOCALE, "ascii"),
    **{name: ({"PYTHONIOENCODING": name}, name) for name in ("ascii", "latin-1", "cp1252")},
}
LONG = "a_source_whose_name_has_forty_letters_xx"
FILE = "b[red] höhe 😀.png"
NOTE = "a text of many words, which is a value of a table and not a short one, 이것은 긴 글이다"
CATALOG = f"""
[{LONG}]
kind = "table"
path = "집 Häuser.csv"
target = "가격"
measures = {{ Farbe = "categorical" }}
units = {{ "größe" = "m²", "[bold]x[/]" = "[/]" }}
[many]
kind = "table"
path = "many.csv"
[photos]
kind = "images"
path = "사진"
pattern = "*.png"
"""
COLUMNS = ["가격", "größe", "[bold]x[/]", ">y", ":smile:", "Farbe", "a" * 40]


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data of many letters, `data/catalog.toml`, and its `artifacts/`."""
    place = tmp_path_factory.mktemp("letters")
    root = place / "data"
    (root / "사진").mkdir(parents=True)
    Image.fromarray(np.full((70, 80, 3), 90, np.uint8)).save(root / "사진" / FILE)
    rows = [
        ",".join([f"{n}.5", *f"{n}" * 4, "빨강 😀" if n % 2 else "grün", "1000.123"])
        for n in range(8)
    ]
    text = "\n".join([",".join(COLUMNS), *rows, ""])
    (root / "집 Häuser.csv").write_text(text, encoding="utf-8")
    many = [
        ",".join(f"column number {n}" for n in range(30)),
        *[",".join(["1234.5", *["7"] * 29])] * 3,
    ]
    (root / "many.csv").write_text("\n".join([*many, ""]))
    (root / "catalog.toml").write_text(CATALOG, encoding="utf-8")
    for source in load_catalog(root / "catalog.toml", root).values():
        tensorize(source, place / "artifacts")
    return place


@pytest.fixture(scope="module")
def made(sample: Path, book_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with six of the book's sources and an analysis; not to be changed."""
    store = tmp_path_factory.mktemp("made") / "artifacts"
    for name, source in load_catalog(book_catalog, sample).items():
        if name not in ("ct", "temperature_fits"):
            tensorize(source, store)
    return store


def process(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, with bytes as it wrote them."""
    environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1"} | options.pop("env", {})
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run([PTM, *map(str, arguments)], env=environment, timeout=120, **streams)


def in_shell(redirection: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The command with its streams redirected by a shell."""
    line = ["sh", "-c", f'exec "$@" {redirection}', "sh", PTM, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, timeout=120)


def escaped(text: str, encoding: str) -> str:
    """What stands for a text where an encoding lacks letters of it."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


# letters that an encoding lacks

COMMANDS = {
    "status": (["status"], LONG),
    "show": (["show", LONG], "größe"),
    "show a file": (["show", "photos"], FILE),
    "explain": (["explain", LONG], "집 Häuser.csv"),
    "verify": (["verify"], "All whole: 3 artifacts of 3 names"),
    "gc": (["gc", "--dry-run"], "Nothing to collect"),
    "data list": (["data", "list"], "p1ch4/volumetric-dicom/2-LUNG 3.0  B70f-04083"),
    "dry run": (["run", "--dry-run"], "up to date"),
    "a name that is not there": (["run", "größe"], "no source 'größe' in the catalog"),
    "an option that is not there": (["run", "--größe"], "No such option: --größe"),
}
QUICK = {("C locale", "show"), ("C locale", "explain"), ("C locale", "dry run")} | {
    ("ascii", "an option that is not there"),
    ("latin-1", "show a file"),
    ("cp1252", "a name that is not there"),
}


@pytest.mark.parametrize(
    ("lacking", "command"),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow)
        for pair in [(lacking, command) for lacking in LACKING for command in COMMANDS]
    ],
)
def test_letters_that_are_lacking(lacking: str, command: str, letters: Path) -> None:
    """Letters that a terminal lacks are escaped, none is lost; no command fails for them."""
    environment, encoding = LACKING[lacking]
    arguments, says = COMMANDS[command]
    done = process(*arguments, env=environment, cwd=letters)
    assert done.returncode == (2 if "not there" in command else 0), done
    out = (done.stdout + done.stderr).decode(encoding)
    assert escaped(says, encoding) in out and "Traceback" not in out
    assert not set("…─━⠋╸") & set(out.encode("ascii", "ignore").decode()), "plain ornaments"
    assert "..." in out if command == "explain" and encoding != "cp1252" else True


@pytest.mark.parametrize("lacking", ["C locale", pytest.param("latin-1", marks=pytest.mark.slow)])
def test_json_of_letters_that_are_lacking(lacking: str, letters: Path) -> None:
    """JSON is JSON with the same values on a terminal that lacks letters."""
    environment, encoding = LACKING[lacking]
    arguments = ("explain", LONG, "--json")
    plain = process(*arguments, env=environment, cwd=letters)
    whole = process(*arguments, cwd=letters, env={"PYTHONIOENCODING": "utf-8"})
    assert json.loads(plain.stdout.decode(encoding)) == json.loads(whole.stdout)
    assert "größe" in whole.stdout.decode() and plain.returncode == whole.returncode == 0


def test_a_name_that_is_not_utf_8(letters: Path) -> None:
    """Bytes in a name that are no letters of any encoding do not keep an error from being told."""
    done = process(
        "status", "--artifacts", b"caf\xe9".decode("utf-8", "surrogateescape"), cwd=letters
    )
    assert done.returncode == 0 and rb"caf\udce9" in done.stdout


def test_control_characters(letters: Path) -> None:
    """Control characters in a name do not reach the terminal."""
    done = process("verify", "--artifacts", "x\x1b[2J\ry", cwd=letters)
    assert rb"x\x1b[2J\x0dy" in done.stdout and b"\x1b" not in done.stdout


@pytest.mark.slow
def test_a_run_without_letters(server: str, letters: Path, tmp_path: Path) -> None:
    """A run in the C locale makes of names of any letters what a run in UTF-8 makes."""
    store = tmp_path / "artifacts"
    done = process("run", "--artifacts", store, cwd=letters, env=C_LOCALE)
    assert done.returncode == 0, done
    assert done.stdout.isascii() and done.stderr == b""
    for name in ("photos", LONG, "many"):
        assert [p.name for p in store.glob(f"{name}/keys/*")] == [
            p.name for p in letters.glob(f"artifacts/{name}/keys/*")
        ]


@pytest.mark.parametrize("command", ["status", pytest.param("start", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("server")
def test_the_server_without_letters(command: str) -> None:
    """`ptm server start` and `status` print in the C locale."""
    done = process("server", command, env=C_LOCALE)
    assert done.returncode == 0 and b"The Prefect server runs: dashboard http" in done.stdout


# readers that go away, streams that are closed, disks that are full

TELLING = {
    "status": ["status"],
    "show": ["show", "many"],
    "explain": ["explain", "many"],
    "verify": ["verify"],
    "json": ["status", "--json"],
    "data list": ["data", "list"],
    "help": ["--help"],
    "an error": ["show", "nosuch"],
}


def telling(*endings: str) -> Any:
    """Each command that tells something, with each ending; `status` quickly."""
    pairs = [(command, ending) for command in TELLING for ending in endings or ("",)]
    marks = {command: () if command == "status" else pytest.mark.slow for command in TELLING}
    return [pytest.param(*pair, marks=marks[pair[0]], id=" ".join(pair)) for pair in pairs]


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize(("command", "stream"), telling("stdout", "stderr"))
def test_nobody_reads(
    command: str, stream: str, letters: Path, unread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the reader has gone, a command ends in silence with the code that it would have."""
    monkeypatch.chdir(letters)
    done = process(*TELLING[command], **{stream: unread})
    usual = process(*TELLING[command])
    assert done.returncode == usual.returncode == (1 if command == "an error" else 0)
    if stream == "stdout":
        assert done.stderr == usual.stderr
    else:
        assert done.stdout == usual.stdout


@pytest.mark.parametrize(("command", "redirection"), telling(">&-", "2>&-", "<&- >&- 2>&-"))
def test_closed_streams(
    command: str, redirection: str, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With streams that are closed a command ends with the code that it would have."""
    monkeypatch.chdir(letters)
    done = in_shell(redirection, *TELLING[command])
    assert done.returncode == (1 if command == "an error" else 0)
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr
    assert not done.stdout if ">&-" in redirection.split() else True


@pytest.mark.parametrize(("command", "_"), telling())
def test_a_full_disk(command: str, _: str, letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that a full disk does not take is an error: code 1, told on stderr."""
    monkeypatch.chdir(letters)
    done = in_shell(">/dev/full", *TELLING[command])
    assert done.returncode == 1
    reason = b"expected an artifact" if command == "an error" else b"No space left on device"
    assert done.stderr.startswith(b"error: ") and reason in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_no_file_takes_the_place_of_a_closed_stream(letters: Path, tmp_path: Path) -> None:
    """What is written to closed streams goes into no file that the command opens."""
    store = shutil.copytree(letters / "artifacts", tmp_path / "artifacts")
    places = [p for p in store.rglob("*") if p.is_file() and p.parent.name != "stat"]
    before = {place: place.read_bytes() for place in places}
    assert in_shell(">&- 2>&-", "verify", "--artifacts", store).returncode == 0
    assert in_shell(">&- 2>&-", "gc", "--artifacts", store).returncode == 0
    after = {p: p.read_bytes() for p in before}
    assert after == before


@contextmanager
def left_by_its_reader(
    text: str, *words: str | Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A command whose reader goes away when it has read a line with that text."""
    with subprocess.Popen(
        [PTM, *map(str, words)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout
        while text.encode() not in process.stdout.readline():
            assert process.poll() is None
        process.stdout.close()
        yield process


def run_of(api: str, store: Path) -> dict[str, Any]:
    """The flow run that made a store, as the server has it."""

    def ask() -> dict[str, Any]:
        with client_of(api) as client:
            runs = client.post("/flow_runs/filter", json={"limit": 200}).json()
        found = [run for run in runs if run["parameters"].get("artifacts") == str(store)]
        return found[0] if found and found[0]["end_time"] else {}

    run: dict[str, Any] = wait_until(ask, 60, f"the run of {store}")
    return run


@pytest.mark.parametrize(
    "runner",
    ["threads", pytest.param("processes", marks=pytest.mark.slow)],
)
def test_a_run_that_nobody_reads(
    runner: str, server: str, sample: Path, book_catalog: Path, tmp_path: Path
) -> None:
    """A run whose reader goes away in the middle makes and publishes all; its history is whole."""
    store = tmp_path / "artifacts"
    options = ("--data", sample, "--catalog", book_catalog, "--artifacts", store)
    run_it = ("run", "dog", "austen", *options, "--runner", runner)
    with left_by_its_reader("Prefect server: ", *run_it) as process:
        assert process.wait(120) == 0
    assert {place.parent.name for place in store.glob("*/current.json")} == {"dog", "austen"}
    run = run_of(server, store)
    assert run["state_type"] == "COMPLETED"
    ends = {"dog": "Completed", "austen": "Completed", "report": "Completed"}
    assert states_of(server, run["id"]) == ends
    assert "book-dog-contact-sheet" in recorded(server, run["id"]).artifacts


@pytest.mark.slow
@pytest.mark.parametrize("redirection", [">/dev/full", ">/dev/full 2>&1", ">&- 2>&-", "<&- >&-"])
@pytest.mark.parametrize(("source", "code"), [("dog", 0), ("ct", 1)])
def test_the_code_of_a_run_without_output(
    redirection: str,
    source: str,
    code: int,
    server: str,
    book_catalog: Path,
    sample: Path,
    tmp_path: Path,
) -> None:
    """The code of a run tells how it ended, whatever became of its output."""
    root, store = tmp_path / "data", tmp_path / "artifacts"
    shutil.copytree(sample, root, ignore=shutil.ignore_patterns("volumetric-dicom"))
    options = ("--data", root, "--catalog", book_catalog, "--artifacts", store)
    done = in_shell(redirection, "run", source, *options)
    assert done.returncode == code
    assert run_of(server, store)["state_type"] == ("FAILED" if code else "COMPLETED")
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_ctrl_c_when_nobody_reads(
    server: str, sample: Path, book_catalog: Path, tmp_path: Path, hold: Hold
) -> None:
    """Ctrl-C that has ended the reader too cancels the run as ever: code 130."""
    store = tmp_path / "artifacts"
    options = ("--data", sample, "--catalog", book_catalog, "--artifacts", store)
    run = ("run", "wine_threshold", "austen", *options)
    with left_by_its_reader("austen: made", *run, **hold.environment) as process:
        process.send_signal(signal.SIGINT)
        hold.release()
        assert process.wait(120) == 130
    assert run_of(server, store)["state_type"] == "CANCELLED"


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, C_LOCALE], ids=["UTF-8", "C locale"])
def test_serve_that_nobody_reads(
    environment: dict[str, str],
    server: str,
    sample: Path,
    book_catalog: Path,
    tmp_path: Path,
) -> None:
    """`ptm serve` whose reader goes away makes what it is asked for, until Ctrl-C."""
    store = tmp_path / "artifacts"
    options = ("--data", sample, "--catalog", book_catalog, "--artifacts", store)
    with left_by_its_reader("Stop with Ctrl-C", "serve", *options, **environment) as process:
        try:
            wait_until(lambda: deployed(server, store), 60, "deployments")
            run = served_run(server, "source", source="dog")
            wait_until(lambda: (store / "dog" / "current.json").exists(), 90, "dog")
            assert set(states_of(server, run["id"]).values()) == {"Completed"}
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def deployed(api: str, store: Path) -> bool:
    """Whether the served deployments are those of a store."""
    known = deployment(api, "source", "book")
    return bool(known and known["parameters"]["artifacts"] == str(store) and not known["paused"])


# narrow terminals


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the width of the terminal, for commands in this process."""
    return lambda columns: monkeypatch.setattr(printing.console, "_width", columns)


def overlong(out: str, columns: int) -> list[str]:
    """Lines wider than the terminal without a path or a command, which may not be broken."""
    lines = out.splitlines()
    wide = [line for line in lines if cell_len(line) > columns]
    return [line for line in wide if "/" not in line and "ptm " not in line]


SHOWN = [["status"], ["verify"], ["gc", "--keep", "1", "--dry-run"], ["data", "list"]]
BOTH = {
    "letters": [*SHOWN, ["run", "--dry-run"]]
    + [[command, name] for command in ("show", "explain") for name in (LONG, "many", "photos")],
    "made": SHOWN
    + [[c, n] for c in ("show", "explain") for n in ("wine", "bikes", "austen", "cats")]
    + [["explain", "wine", "bikes"], ["explain", "wine_threshold"], ["show", "wine_threshold"]],
}


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize(
    ("which", "arguments"),
    [(which, arguments) for which in BOTH for arguments in BOTH[which]],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_no_line_is_too_wide(
    columns: int,
    which: str,
    arguments: list[str],
    letters: Path,
    made: Path,
    width: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No line is wider than the terminal but for one with a path or a command in it."""
    monkeypatch.chdir(letters if which == "letters" else made.parent)
    width(columns)
    done = call_ptm(*arguments)
    assert done.code == 0, done
    if columns > 40:
        assert not overlong(done.out, columns)
    else:  # as far as words go
        longest = max(map(cell_len, re.findall(r"\S+", done.out)))
        assert not overlong(done.out, max(columns, longest + 6))
    assert not re.search(r"(?m)^\s*\S(\s*\n\s*\S){4}\s*$", done.out), "a letter in each line"


def test_status_is_whole_at_60_columns(
    made: Path, width: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 60 columns `ptm status` has each tensor with its shape in one piece, in lines by name."""
    monkeypatch.chdir(made.parent)
    width(60)
    lines = call_ptm("status").out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("wine  "))
    assert re.fullmatch(
        r"wine  size: 5\d\.\d kB  made \(UTC\): \d{4}-\d\d-\d\d \d\d:\d\d", lines[start]
    )
    assert lines[start + 1 : start + 4] == [
        "  features 400x11 float32",
        "  target 400 int64",
        "  target_onehot 400x10 float32",
    ]


def test_tables_at_80_columns(
    made: Path, width: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns status and explain of the book's sources are tables."""
    monkeypatch.chdir(made.parent)
    width(80)
    assert re.search(r"(?m)^ wine +features 400x11 float32 +5\d\.\d kB ", call_ptm("status").out)
    for name in ("wine", "bikes", "austen", "cats"):
        assert re.search(r"(?m)^ cause +name +after *$", call_ptm("explain", name).out)


def test_explain_is_whole_at_60_columns(
    made: Path, width: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 60 columns `ptm explain` has each cause in a line of its own, with its value."""
    monkeypatch.chdir(made.parent)
    width(60)
    out = call_ptm("explain", "bikes").out
    assert "\nfile  p1ch4/bike-sharing-dataset/hour-fixed.csv  added\n  after: " in out
    assert "\noption  units.temp  added  after: °C / 41\n" in out


def test_a_wide_table_at_60_columns(
    letters: Path, width: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table too wide for the terminal is shown by column; how many more there are is said."""
    monkeypatch.chdir(letters)
    width(40)
    out = call_ptm("show", LONG).out
    assert "rows: 8 rows, 1 more columns; the first:" in " ".join(out.split())
    assert "\ngröße [m²]: 0, 1, 2, 3, 4\n" in out
    assert "\n[bold]x[/] [[/]]: 0, 1, 2, 3, 4\n>y: 0, 1, 2, 3, 4\n:smile:: " in out
    assert FILE in call_ptm("show", "photos").out


def test_commands_are_in_one_piece(
    letters: Path, tmp_path: Path, width: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands to copy stand in one line each, with the options that they need."""
    store = shutil.copytree(letters / "artifacts", tmp_path / "a folder" / "artifacts")
    monkeypatch.chdir(letters)
    width(40)
    option = f"--artifacts '{store}'"
    lines = call_ptm("status", "--artifacts", store).out.splitlines()
    assert lines[-1] == f"Look closer: ptm show {LONG} {option}"
    lines = call_ptm("data", "list", "--data", tmp_path / "a folder").out.splitlines()
    assert lines[-1].endswith(f"Get them with: ptm data pull --data '{tmp_path / 'a folder'}'")
    [part] = store.glob("photos/*/part-00000.pt")
    part.write_bytes(b"x")
    out = call_ptm("verify", "--artifacts", store).out
    assert f"\nPut it right: ptm run photos {option}\n" in out
    assert f"({part})" in out, "the file in one piece"


words = st.text("ab1[/]: 사é", min_size=1, max_size=12).map(lambda text: text.strip() or "x")
cells = st.lists(words, min_size=1, max_size=3).map("\n".join)


@given(st.lists(st.tuples(cells, cells, words), min_size=1, max_size=4), st.integers(20, 90))
def test_no_cell_is_cut(rows: list[tuple[str, str, str]], columns: int) -> None:
    """Every line of every cell is found whole in the output, at any width."""
    with printing.console.capture() as captured:
        before = printing.console._width
        printing.console._width = columns
        try:
            table = Rows("name", "two words", "count", right=["count"])
            for row in rows:
                table.add(*row)
            table.print()
        finally:
            printing.console._width = before
    out = captured.get()
    for row in rows:
        for cell in row:
            assert all(line in out for line in cell.split("\n"))
    fits = max(cell_len(line) for row in rows for cell in row for line in cell.split("\n"))
    assert all(cell_len(line) <= max(columns, fits + 13) for line in out.splitlines())


@given(st.lists(st.text("abc사", min_size=1, max_size=9), min_size=1), st.integers(20, 90))
def test_prose_is_wrapped_between_words(words: list[str], columns: int) -> None:
    """Sentences keep all their words in their order, in lines that fit."""
    with printing.console.capture() as captured:
        before = printing.console._width
        printing.console._width = columns
        try:
            prose(" ".join(words))
        finally:
            printing.console._width = before
    assert captured.get().split() == words
    assert all(cell_len(line) <= columns for line in captured.get().splitlines())


@pytest.mark.parametrize(
    "piece",
    [
        "(my data/2-LUNG 3.0  B70f/1.dcm)",
        "'two words'",
        "ptm run --data here wine",
        "(see a b.csv)",
    ],
)
def test_what_is_copied_is_not_broken(piece: str, width: Callable[[int], None]) -> None:
    """Paths in parentheses, names in quotes and commands stand in one line of a sentence."""
    for columns in range(20, 80, 7):
        width(columns)
        with printing.console.capture() as captured:
            prose(f"It's said that there is one: {piece}; and it isn't wrapped, it's in one piece")
        assert piece in captured.get()
