"""What these tests share: planted artifacts, blocks and files whose content is known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

from ptm.kinds.table import Options as TableSource
from ptm.loading import samples
from ptm.model import ArtifactRef, Block
from ptm.registry import kind_named
from tests.support.kinds import block_of
from tests.support.parts import publish
from tests.support.stores import table


@pytest.fixture
def ref(tmp_path: Path) -> ArtifactRef:
    """The planted artifact, published in `tmp_path`."""
    return publish(tmp_path)


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the disk: for tests of values, of which many small parts are made."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are read from the files of their parts, however small those are."""
    monkeypatch.setattr(samples, "JOINED", 0)


@pytest.fixture
def source(tmp_path: Path) -> TableSource:
    """A table of two rows; its store is `tmp_path / "store"`."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    return table(tmp_path)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Block]:
    """What a kind makes of a file or folder of `tmp_path`: make(kind, path, **options)."""

    def make(kind: str, path: str = "", **options: Any) -> Block:
        given = {"kind": kind, "path": path, **options}
        return block_of(kind_named(kind).options(name="planted", root=tmp_path, **given))

    return make


@pytest.fixture
def write_image(tmp_path: Path) -> Callable[..., Path]:
    """Writes uint8 [height, width(, channel)]; the name's suffix is the format."""

    def write_image(name: str, pixels: np.ndarray, **options: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, **options)
        return path

    return write_image


@pytest.fixture
def write_dicom(tmp_path: Path) -> Callable[..., Path]:
    """Writes one CT slice with pydicom; keywords replace header values, None takes one out."""

    def write_dicom(
        name: str,
        pixels: np.ndarray,
        syntax: pydicom.uid.UID = ExplicitVRLittleEndian,
        **header: Any,
    ) -> Path:
        bits = pixels.dtype.itemsize * 8
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
        dataset.SeriesInstanceUID = "1.2.3"
        dataset.ImagePositionPatient, dataset.SliceThickness = [0, 0, 0], 3
        dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
        dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        dataset.add_new("PixelData", "OB" if bits == 8 else "OW", raw + b"\0" * (len(raw) % 2))
        for key, value in header.items():
            if value is None:
                delattr(dataset, key)
            else:
                setattr(dataset, key, value)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write_dicom
