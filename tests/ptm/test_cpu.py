"""The same bytes on every CPU: whatever of its vector code is used, and with how many threads."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from tests.support.machine import ROOT
from tests.support.stores import BOOK, digests, python

# Makes all that a catalog has, then says of each variable below what came of it.
PROGRAM = """
import ctypes, hashlib, json, math, os, sys
from pathlib import Path
import numpy, PIL, pyarrow, torch
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from ptm.catalog import load_catalog
from ptm.prepare import tensorize
from ptm.views import load

catalog, data, artifacts = sys.argv[1:]
if "OMP_NUM_THREADS" in os.environ:  # of itself torch takes no more than there are cores
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
for source in load_catalog(catalog, Path(data)).values():
    tensorize(source, artifacts)
    load(source.name, artifacts).views  # they are drawn, and kept

def library(package, pattern):
    return next(Path(package.__file__).parents[1].glob(pattern), None)

blas, jpeg = library(numpy, "numpy.libs/*openblas64_*"), library(PIL, "pillow.libs/libjpeg-*")
core = blas and ctypes.CDLL(str(blas)).scipy_openblas_get_corename64_
if core:
    core.restype = ctypes.c_char_p
asked = jpeg and b"JSIMD_FORCENONE" in jpeg.read_bytes()
sines = str([math.sin(number / 97) for number in range(20_000)])
print(json.dumps({
    "ATEN_CPU_CAPABILITY": torch.backends.cpu.get_cpu_capability().lower(),
    "NPY_DISABLE_CPU_FEATURES": [name for name in __cpu_dispatch__ if __cpu_features__[name]],
    "JSIMD_FORCENONE": os.environ.get("JSIMD_FORCENONE", "") if asked else None,
    "GLIBC_TUNABLES": hashlib.sha256(sines.encode()).hexdigest(),
    "OPENBLAS_CORETYPE": core and core().decode(),
    "ARROW_USER_SIMD_LEVEL": pyarrow.runtime_info().simd_level,
    "OMP_NUM_THREADS": str(torch.get_num_threads()),
}))
"""

VECTORS = [name for name in __cpu_dispatch__ if __cpu_features__[name]]  # numpy's, that count here
OFF = {
    "ATEN_CPU_CAPABILITY": "default",
    "NPY_DISABLE_CPU_FEATURES": " ".join(VECTORS),
    "JSIMD_FORCENONE": "1",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-FMA,-FMA4,-AVX2_Usable,-FMA_Usable",
    "OPENBLAS_CORETYPE": "Prescott",
    "ARROW_USER_SIMD_LEVEL": "none",
    "OMP_NUM_THREADS": "1",
}
OLDER = ("GLIBC_TUNABLES", "OPENBLAS_CORETYPE")  # these make a CPU an older one
SETTINGS: dict[str, dict[str, str]] = {
    "all off": OFF,
    **{f"torch {level}": {"ATEN_CPU_CAPABILITY": level} for level in ("default", "avx2", "avx512")},
    **{f"threads {count}": {"OMP_NUM_THREADS": str(count)} for count in (1, 7)},
    "numpy narrow": {"NPY_DISABLE_CPU_FEATURES": " ".join(VECTORS[1:])},
    "numpy off": {"NPY_DISABLE_CPU_FEATURES": OFF["NPY_DISABLE_CPU_FEATURES"]},
    "libjpeg off": {"JSIMD_FORCENONE": OFF["JSIMD_FORCENONE"]},
    "libm off": {"GLIBC_TUNABLES": OFF["GLIBC_TUNABLES"]},
    "blas off": {"OPENBLAS_CORETYPE": OFF["OPENBLAS_CORETYPE"]},
    "arrow off": {"ARROW_USER_SIMD_LEVEL": OFF["ARROW_USER_SIMD_LEVEL"]},
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS]

Used = dict[str, Any]  # by variable: what a process shows of it


@dataclass(frozen=True)
class Work:
    """A catalog over a data root."""

    catalog: Path
    data: Path

    def make(self, store: Path, setting: Mapping[str, str]) -> tuple[dict[str, str], Used]:
        """Makes it all in a process with that setting: digests of the files, and what it used."""
        arguments = map(str, (self.catalog, self.data, store))
        command = [sys.executable, "-P", "-c", PROGRAM, *arguments]
        env = environment(setting)
        run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr
        used: Used = json.loads(run.stdout)
        found = digests(store)
        assert sum(name.endswith(".png") for name in found) > 10, "the views, too"
        return found, used


def environment(setting: Mapping[str, str]) -> dict[str, str]:
    """This process's, with that setting and no other of its kind."""
    return {name: value for name, value in os.environ.items() if name not in OFF} | dict(setting)


def lack(variable: str, value: str, own: Used) -> str:
    """Why that variable has nothing to switch on this machine; "" where it has."""
    levels = ("default", "avx2", "avx512")
    level = own["ATEN_CPU_CAPABILITY"]
    if variable == "ATEN_CPU_CAPABILITY" and value != level:
        known = levels.index(level) if level in levels else 0
        return f"this CPU has no {value}" if levels.index(value) > known else ""
    if variable in OLDER and level == "default":
        return "this CPU is an old one already"
    if variable == "GLIBC_TUNABLES" and platform.libc_ver()[0] != "glibc":
        return "this libm is not glibc's"
    if not value or own[variable] is None:
        return f"nothing here that {variable} switches"
    return ""


def assert_switched(variable: str, value: str, used: Used, own: Used) -> None:
    """The process shows what the variable asks for."""
    if variable == "NPY_DISABLE_CPU_FEATURES":
        assert set(own[variable]) - set(used[variable]) == set(value.split())
    elif variable in OLDER:
        assert used[variable] != own[variable]
    else:
        assert used[variable] == value


def assert_same(work: Work, setting: Mapping[str, str], own: tuple[Any, Used], store: Path) -> None:
    """With that setting each file is what it is on this CPU as it is, and the setting counts."""
    lacking = {variable: lack(variable, value, own[1]) for variable, value in setting.items()}
    there = {variable: value for variable, value in setting.items() if not lacking[variable]}
    if not there:
        pytest.skip("; ".join(lacking.values()))
    found, used = work.make(store, there)
    for variable, value in there.items():
        assert_switched(variable, value, used, own[1])
    assert found == own[0]


TILTED = '\n[tilted]\nkind = "volume"\npath = "tilted"\n'


@pytest.fixture(scope="module")
def book_work(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """The book's, and beside it a scan at an angle, where no position is a round number."""
    data = tmp_path_factory.mktemp("cpu") / "data"
    data.mkdir()
    (data / "p1ch4").symlink_to(book / "p1ch4")
    [scan] = (book / "p1ch4/volumetric-dicom").iterdir()
    tilt(scan, data / "tilted")
    catalog = data / "catalog.toml"
    catalog.write_text(BOOK.read_text(encoding="utf-8") + TILTED, encoding="utf-8")
    return Work(catalog, data)


def tilt(scan: Path, target: Path) -> None:
    """The first slices of a scan, 2.5 mm apart along an axis that is none of the patient's."""
    target.mkdir()
    row, column, normal = (0.36, 0.48, -0.8), (-0.8, 0.6, 0.0), (0.48, 0.64, 0.6)
    for number, path in enumerate(sorted(scan.iterdir())[:6]):
        dataset = pydicom.dcmread(path)
        dataset.ImageOrientationPatient = [*row, *column]
        dataset.ImagePositionPatient = [round(7.1 + 2.5 * number * part, 9) for part in normal]
        dataset.save_as(target / path.name)


@pytest.fixture(scope="module")
def book_own(
    book_work: Work, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], Used]:
    """What the book's data gives on this CPU as it is."""
    return book_work.make(tmp_path_factory.mktemp("own"), {})


@pytest.mark.parametrize("name", SLOW)
def test_book(
    book_work: Work, book_own: tuple[dict[str, str], Used], tmp_path: Path, name: str
) -> None:
    """Every file of the book's artifacts is the same under a setting that is shown to count."""
    assert len(book_own[0]) > 30
    assert_same(book_work, SETTINGS[name], book_own, tmp_path)


MOMENTS = """
import numpy
from ptm.stats import moments_of
random = numpy.random.default_rng(0)
for kind in (numpy.uint8, numpy.float32, numpy.float64):
    for size in (1, 1000, 100_000):
        values = random.integers(0, 256, (7, 3, size)).astype(kind)
        found = moments_of(values, 1, 255.0)
        print(found.mean.tolist(), found.m2.tolist())
"""


def test_moments_of_one_channel() -> None:
    """Moments are no product of matrices, which is left to BLAS and so to the CPU."""
    cores = ("Prescott", "Haswell")
    assert len({python(MOMENTS, OPENBLAS_CORETYPE=core) for core in cores}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("level", ["default", "avx2", "avx512"])
def test_printed_figures(book: Path, book_own: tuple[dict[str, str], Used], level: str) -> None:
    """Each figure that the notes print holds with torch's vector code of each width, and none."""
    if missing := lack("ATEN_CPU_CAPABILITY", level, book_own[1]):
        pytest.skip(missing)
    required = {"ATEN_CPU_CAPABILITY": level, "PTM_TESTS_REQUIRE_ALL": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "tests/ptm/test_figures.py"],
        cwd=ROOT,
        env=environment(required),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout and " skipped" not in run.stdout
