"""The public surface: what `import ptm` offers, and what it costs."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import ptm
from ptm.errors import CatalogError, InputError

HEAVY = ("torch", "prefect", "pandas", "numpy", "pyarrow", "pydantic", "matplotlib", "pydicom")


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_import_is_light() -> None:
    """`import ptm` imports neither torch nor prefect nor pandas, nor anything else that is slow."""
    code = f"import sys, ptm; print(*[name for name in {HEAVY} if name in sys.modules])"
    assert python(code) == ""


def test_catalog_is_light() -> None:
    """Reading a catalog needs neither torch nor prefect nor pandas."""
    code = (
        "import sys, ptm; ptm.load_catalog; "
        "print(*[name for name in ('torch', 'prefect', 'pandas') if name in sys.modules])"
    )
    assert python(code) == ""


def test_library_knows_no_prefect(sample: Path, tmp_path: Path) -> None:
    """Making and loading tensors imports no prefect: the library works without it."""
    catalog = Path(__file__).parents[2] / "data" / "catalog.toml"
    code = (
        "import sys, ptm\n"
        f"catalog = ptm.load_catalog({str(catalog)!r}, data={str(sample)!r})\n"
        f"ref = ptm.tensorize(catalog['wine'], artifacts={str(tmp_path)!r})\n"
        f"ptm.load('wine', artifacts={str(tmp_path)!r}).table\n"
        "print([name for name in sys.modules if name.startswith('prefect')])"
    )
    assert python(code) == "[]"


def test_names() -> None:
    """Every name of the public surface is there."""
    surface = {"load_catalog", "tensorize", "load", "Source", "ArtifactRef", "PtmError"}
    assert surface <= set(ptm.__all__)
    assert all(getattr(ptm, name) is not None for name in ptm.__all__)


def test_unknown_name() -> None:
    """A name that ptm does not have is an AttributeError that says so."""
    with pytest.raises(AttributeError, match="'ptm' has no attribute 'tensorise'"):
        ptm.tensorise  # noqa: B018 - the access is the test


def test_defaults_are_the_books(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`artifacts/` in the working folder is the store unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text('[t]\nkind = "table"\ncolumns = ["a"]\nrows = [[1], [2]]\n')
    ref = ptm.tensorize(ptm.load_catalog("c.toml")["t"])
    assert Path(ref.path).resolve().is_relative_to(tmp_path / "artifacts" / "t")
    assert ptm.load("t").tensors["features"].shape == (2, 1)


def test_errors_cross_processes() -> None:
    """An InputError keeps its message and all its fields through pickle."""
    error = InputError("wine", expected="a number", got="'n/a'", where="row 3", file="w.csv")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == "wine: row 3: expected a number, got 'n/a' (w.csv)"
    assert vars(copy) == vars(error)


def test_every_error_is_a_ptm_error() -> None:
    """Whoever catches PtmError catches every error that ptm raises on purpose."""
    assert issubclass(CatalogError, ptm.PtmError) and issubclass(InputError, ptm.PtmError)
