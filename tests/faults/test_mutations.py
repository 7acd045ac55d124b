"""Whatever the bytes of a file are: tensors of finite numbers, or a PtmError; nothing else."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.mutations import NUMBER, READERS
from tests.support.machine import ROOT

FEW = 12  # mutations of each reader in the sample
PROCESSES = 2
pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


def escapes(
    folder: Path, first: int, count: int, *readers: str, module: str = "mutations"
) -> list[str]:
    """What so many mutations came to that they should not, read in a process of their own."""
    folder.mkdir()
    command = [sys.executable, "-m", f"tests.faults.{module}", folder, first, count, *readers]
    run = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = run.stdout.splitlines()
    if run.returncode:
        under_way = (folder / NUMBER).read_text()
        found.append(f"{under_way} ended the process: {run.returncode} {run.stderr[-2000:]}")
    return found


def test_a_few_of_every_reader(tmp_path: Path) -> None:
    """Mutated files of every format: no exception but a PtmError, no crash."""
    assert not escapes(tmp_path / "few", 0, FEW, *READERS)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_nothing_but_a_ptm_error(reader: str, faults: int, tmp_path: Path) -> None:
    """Very many of one format: 10,000 at full size; within memory and time, too."""
    count = 10 * faults
    share = count // PROCESSES

    def read(first: int) -> list[str]:
        return escapes(tmp_path / str(first), first, share, reader)

    with ThreadPoolExecutor(PROCESSES) as pool:
        found = [one for part in pool.map(read, range(0, count, share)) for one in part]
    assert not found, f"{len(found)} of {count}: " + "\n".join(found[:5])


def test_a_few_folders(tmp_path: Path) -> None:
    """`ptm init` makes a catalog of whole and mutated files, and that loads."""
    assert not escapes(tmp_path / "few", 0, FEW, module="looking")


@pytest.mark.slow
def test_any_folder(faults: int, tmp_path: Path) -> None:
    """Very many."""
    share = faults // PROCESSES

    def look(first: int) -> list[str]:
        return escapes(tmp_path / str(first), first, share, module="looking")

    with ThreadPoolExecutor(PROCESSES) as pool:
        found = [one for part in pool.map(look, range(0, faults, share)) for one in part]
    assert not found, f"{len(found)} of {faults}: " + "\n".join(found[:5])
