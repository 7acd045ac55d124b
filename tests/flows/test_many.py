"""Runs of many sources on the terminal: what failed one by one, the rest as a count."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import PTM, Done, call_ptm, run_ptm
from tests.support.many import write_many

pytestmark = [pytest.mark.operate, pytest.mark.usefixtures("server")]
BAD = frozenset({5, 28})


def options(catalog: Path) -> list[str | Path]:
    """Of a run of that catalog."""
    root = catalog.parent
    return ["--catalog", catalog, "--data", root, "--artifacts", root / "store"]


def table(done: Done) -> list[list[str]]:
    """The rows of the last table that was printed."""
    lines = done.out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(" ──")) + 1
    end = next(number for number in range(start, len(lines)) if not lines[number].strip())
    return [line.split() for line in lines[start:end]]


def check(done: Done, count: int) -> None:
    """A line for each failure and for each tenth; a table of what failed, one summary."""
    lines = [line.strip() for line in done.out.splitlines()]
    bad = [f"s{number:03}" for number in sorted(BAD)]
    failed = sorted(line for line in lines if line.endswith(": failed"))
    assert failed == [f"{name}: failed" for name in bad]
    counters = [line for line in lines if re.fullmatch(r"\d+ of \d+ done", line)]
    tenths = [-(-count * tenth // 10) for tenth in range(1, 11)]
    assert counters == [f"{done} of {count} done" for done in tenths]
    assert not any(": made in" in line or ": cached in" in line for line in lines)
    assert table(done) == [[name, "failed"] for name in bad]
    reasons = [line for line in lines if line.startswith("failed s")]
    assert [line.split()[1] for line in reasons] == [f"{name}:" for name in bad]


@pytest.mark.slow
def test_more_than_thirty(tmp_path: Path) -> None:
    """Of 34 sources two are told by name; made and cached are counted, with their size."""
    catalog = write_many(tmp_path / "many", 34, BAD)
    done = call_ptm("run", *options(catalog))
    assert done.code == 1
    check(done, 34)
    [size] = re.findall(r"^32 made, 2 failed; (\d\.\d MB) in all$", done.out, re.MULTILINE)
    (tmp_path / "many" / "s000.txt").write_text("another text\n" * 3)
    done = call_ptm("run", *options(catalog))
    check(done, 34)
    assert re.search(r"^1 made, 31 cached, 2 failed; \d\.\d MB in all$", done.out, re.MULTILINE)
    assert size and len(done.out.splitlines()) < 40


@pytest.mark.slow
def test_up_to_thirty(tmp_path: Path) -> None:
    """Of 30 sources each has a line as it ends, and a row."""
    catalog = write_many(tmp_path / "some", 30, BAD)
    done = call_ptm("run", *options(catalog))
    names = re.findall(r"^(s\d+): (?:made in \d+\.\d\d s|failed)$", done.out, re.MULTILINE)
    assert sorted(names) == [f"s{number:03}" for number in range(30)]
    assert {row[0] for row in table(done) if row[0].startswith("s")} == set(names)
    assert " done\n" not in done.out and "in all" not in done.out


@pytest.mark.slow
def test_read_by_head(tmp_path: Path) -> None:
    """`ptm run | head -3` prints three lines, makes everything, and complains of nothing."""
    catalog = write_many(tmp_path / "many", 34)
    words = [str(word) for word in [PTM, "run", *options(catalog)]]
    run = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    head = subprocess.run(["head", "-3"], stdin=run.stdout, capture_output=True, text=True)
    assert run.stdout and run.stderr
    run.stdout.close()
    assert len(head.stdout.splitlines()) == 3 and " done" in head.stdout
    assert run.stderr.read() == "" and run.wait(120) == 0
    assert len(list((tmp_path / "many" / "store").glob("*/current.json"))) == 34


@pytest.mark.slow
def test_two_hundred(tmp_path: Path) -> None:
    """200 sources take less than 30 lines and what is said of each failure."""
    catalog = write_many(tmp_path / "many", 200, BAD)
    done = run_ptm("run", *options(catalog))
    check(done, 200)
    assert "\n198 made, 2 failed; " in done.out
    assert len(done.out.splitlines()) < 40
