"""The command on narrow terminals."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from flows.terminal import console as printing
from flows.terminal.console import Rows, prose
from ptm.catalog import load_catalog
from ptm.prepare import tensorize
from tests.support.commands import call_ptm
from tests.support.letters import FILE, LONG
from tests.support.machine import part_file


@pytest.fixture(scope="module")
def made(sample: Path, book_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with six of the book's sources and an analysis; not to be changed."""
    store = tmp_path_factory.mktemp("made") / "artifacts"
    for name, source in load_catalog(book_catalog, sample).items():
        if name not in ("ct", "temperature_fits"):
            tensorize(source, store)
    return store


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
        r"wine  size: \d\d\.\d kB  made \(UTC\): \d{4}-\d\d-\d\d \d\d:\d\d", lines[start]
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
    assert re.search(r"(?m)^ wine +features 400x11 float32 +\d\d\.\d kB ", call_ptm("status").out)
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
    [folder] = (place.parent for place in store.glob("photos/*/manifest.json"))
    part = part_file(folder)
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
