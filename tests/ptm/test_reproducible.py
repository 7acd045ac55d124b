"""The same inputs give the same bytes everywhere, and nothing of the place or of people gets in."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pydicom
import pytest
from PIL import Image

from ptm import store
from ptm.book.sample import PATIENT_ID, PATIENT_NAME
from ptm.catalog import load_catalog
from ptm.prepare import tensorize
from ptm.views import load
from tests.support.stores import BOOK, digests, files, python

CT = "p1ch4/volumetric-dicom/2-LUNG 3.0  B70f-04083"


def make_all(data: Path, artifacts: Path) -> None:
    for source in load_catalog(BOOK, data).values():
        tensorize(source, artifacts)
        assert load(source.name, artifacts).views


OTHERWISE = """
import os, sys
from pathlib import Path
import torch
from ptm.catalog import load_catalog
from ptm.prepare import tensorize
from ptm.views import load
data, catalog, artifacts, umask, threads = sys.argv[1:]
os.umask(int(umask, 8))
torch.set_num_threads(int(threads))
for source in load_catalog(catalog, Path(data)).values():
    tensorize(source, artifacts)
    load(source.name, artifacts).views
"""


@pytest.fixture(scope="module")
def sample_store(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every source of the sample, made in this process."""
    root = tmp_path_factory.mktemp("here") / "artifacts"
    make_all(sample, root)
    return root


# C without UTF-8: as on a machine where nobody set a language
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "umask", "threads", "environment"),
    [
        ("store", "077", 1, {**ASCII, "PYTHONHASHSEED": "1234", "TZ": "Asia/Tokyo"}),
        (
            "a deep/störe",
            "000",
            3,
            {"LC_ALL": "C.utf8", "PYTHONHASHSEED": "1", "TZ": "Etc/GMT+9"},
        ),
    ],
    ids=["narrow", "wide"],
)
def test_same_bytes_elsewhere(
    sample: Path,
    sample_store: Path,
    tmp_path: Path,
    folder: str,
    umask: str,
    threads: int,
    environment: dict[str, str],
) -> None:
    """Another hash seed, thread count, folder, zone, umask and locale give the same bytes."""
    root = tmp_path / folder
    python(OTHERWISE, sample, BOOK, root, umask, threads, **environment)
    here, there = digests(sample_store), digests(root)
    assert here == there and len(here) > 22
    assert sum(name.endswith(".png") for name in here) > 10, "the views, too"


@pytest.mark.slow
def test_same_bytes_of_the_book(book: Path, tmp_path: Path) -> None:
    """Two runs on the book's data into two stores give byte-identical files."""
    for store_name in ("one", "two"):
        make_all(book, tmp_path / store_name)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def written(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a store as it stands there, and every table and picture decoded as well."""
    for name in sorted(files(root)):
        raw = (root / name).read_bytes()
        yield name, raw
        if name.endswith(".parquet"):
            table = pq.read_table(root / name)
            yield f"{name}, decoded", f"{table.schema.metadata}{table.to_pydict()}".encode()
        if name.endswith(".png"):
            with Image.open(root / name) as image:
                yield f"{name}, decoded", str(image.info).encode()


def leaks(root: Path, secrets: set[str]) -> list[tuple[str, str]]:
    return [
        (name, secret)
        for name, raw in written(root)
        for secret in secrets
        if any(secret.encode(code) in raw for code in ("utf-8", "utf-16-le"))
    ]


@pytest.mark.slow
def test_no_patient_of_the_sample(sample_store: Path, sample: Path) -> None:
    """Neither the patient's name nor the identifier gets into a file of the store."""
    headers = b"".join(path.read_bytes() for path in (sample / CT).iterdir())
    assert PATIENT_NAME.encode() in headers and PATIENT_ID.encode() in headers
    assert leaks(sample_store, {PATIENT_NAME, PATIENT_ID, *PATIENT_NAME.split("^")}) == []


def patient(folder: Path) -> set[str]:
    """Whatever the headers say of the patient and of who examined him, in five letters or more."""
    values = set()
    for path in folder.iterdir():
        for element in pydicom.dcmread(path, stop_before_pixels=True):
            person = element.tag.group == 0x0010 or element.VR == "PN"
            if person and element.VR not in ("SQ", "DA", "AS", "CS"):
                values.add(str(element.value))
    return {value for value in values if len(value) > 4}


def test_no_patient_of_the_book(book: Path, tmp_path: Path) -> None:
    """No name or identifier that the book's headers hold gets into a file of the store."""
    headers = pydicom.dcmread(next((book / CT).iterdir()), stop_before_pixels=True)
    secrets = {str(headers.PatientName), str(headers.PatientID)}
    assert all(len(secret) > 4 for secret in secrets)
    tensorize(load_catalog(BOOK, book)["ct"], tmp_path)
    assert leaks(tmp_path, secrets | patient(book / CT)) == []


def test_no_place_user_or_host(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No absolute path, user name or host name gets into a file of the store."""
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, "planted-user")
    monkeypatch.setattr(socket, "gethostname", lambda: "planted-host")
    root = tmp_path / "planted-store"
    make_all(sample, root)
    places = {"planted-user", "planted-host", "planted-store", str(tmp_path), str(sample)}
    places |= {str(BOOK.parent.parent), str(Path(store.__file__).parent), os.uname().nodename}
    assert leaks(root, {place for place in places if len(place) > 4}) == []
