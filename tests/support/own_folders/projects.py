"""Folders with scans, text, sounds, and files of all sorts beside each other."""

from __future__ import annotations

import json
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from tests.support.own_folders.made import Folder, Made
from tests.support.own_folders.people import read_flowers, write_flowers
from tests.support.own_folders.photos import saved, scene
from tests.support.own_folders.pictures import Photo, check_images, photos_agree
from tests.support.own_folders.tabular import check_table

SPACING = (2.5, 0.7, 0.8)  # mm: depth, height, width
RATE = 8000
TEXT = """Das Wetter über Köln

Am Morgen war es kühl; „sehr kühl“, sagte Jörg. Der Wind -- er kam
von Norden -- trieb Wolken über den Fluß: graue, weiße, schwarze.
"Nass!" rief sie. Das Wetter, das Wetter!
"""


def write_scan(root: Path) -> dict[str, Any]:
    """Twelve CT slices whose names are not in the order of their places."""
    chance = np.random.default_rng(120)
    series, study, frame = (
        generate_uid(entropy_srcs=[word]) for word in ("series", "study", "frame")
    )
    stored = chance.integers(0, 3000, (12, 20, 24), dtype=np.int16)
    for name, place in enumerate(chance.permutation(12)):
        one = Dataset()
        one.SOPClassUID, one.Modality = CTImageStorage, "CT"
        one.SOPInstanceUID = generate_uid(entropy_srcs=[f"slice {place}"])
        one.SeriesInstanceUID, one.StudyInstanceUID, one.FrameOfReferenceUID = series, study, frame
        one.PatientName, one.PatientID = "Secret^Person", "SECRET-0001"
        one.ImagePositionPatient = [-100.0, -90.0, float(-40 + SPACING[0] * place)]
        one.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        one.PixelSpacing, one.SliceThickness = list(SPACING[1:]), SPACING[0]
        one.Rows, one.Columns, one.SamplesPerPixel = 20, 24, 1
        one.PhotometricInterpretation, one.PixelRepresentation = "MONOCHROME2", 1
        one.BitsAllocated, one.BitsStored, one.HighBit = 16, 16, 15
        one.RescaleSlope, one.RescaleIntercept, one.InstanceNumber = 2, -1024, int(name) + 1
        one.PixelData = stored[place].tobytes()
        one.file_meta = FileMetaDataset()
        one.file_meta.MediaStorageSOPClassUID = CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        pydicom.dcmwrite(root / f"IM-0001-{name + 1:04}.dcm", one, enforce_file_format=True)
    return {"volume": stored * 2.0 - 1024}


def read_scan(root: Path) -> np.ndarray:
    """The volume by pydicom, in the order of the places."""
    slices = [pydicom.dcmread(path) for path in sorted(root.glob("*.dcm"))]
    slices.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    return np.stack(
        [one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in slices]
    )


def scan_agrees(root: Path, planted: dict[str, Any]) -> None:
    assert np.array_equal(read_scan(root), planted["volume"])


PATIENT = (b"SECRET^PERSON", b"SECRET-0001", b"SECRET PERSON")


def check_scan(made: Made) -> None:
    """One volume in Hounsfield units, in the order of the places; no name of the patient in it."""
    files = [path.name for path in made.folder.glob("*.dcm")]
    artifact = made.artifacts[made.entry("volume", *files)]
    volume, facts = artifact.tensors["volume"].numpy(), artifact.manifest["facts"]
    assert volume.dtype == np.float32 and np.array_equal(volume, read_scan(made.folder)[None])
    assert facts["unit"] == "Hounsfield units" and np.allclose(facts["spacing_mm"], SPACING)
    kept = [path for path in (made.place / "artifacts").rglob("*") if path.is_file()]
    kept.append(made.place / "catalog.toml")
    # in any case; what else is made in the store knows a module of the name "secrets"
    told = [path.read_bytes().upper() for path in kept]
    assert not [one for one in told for name in PATIENT if name in one]
    assert "secret" not in made.said.lower()


def write_archive(root: Path) -> dict[str, Any]:
    """A text, clips of which one is shorter, and what nothing reads: .docx, .npz, .mp4."""
    (root / "wetter.txt").write_text(TEXT, encoding="utf-8")
    (root / "clips").mkdir(exist_ok=True)
    clips, chance = {}, np.random.default_rng(440)
    for number in range(6):
        count = 3000 if number == 4 else 4000
        tone = np.sin(np.arange(count) * (0.1 + 0.07 * number)) * 12000
        samples = (tone + chance.normal(0, 300, count)).astype("<i2")
        with wave.open(str(root / f"clips/{number}-tone.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(samples.tobytes())
        clips[f"{number}-tone.wav"] = samples
    with zipfile.ZipFile(root / "Bericht.docx", "w") as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr("word/document.xml", "<w:document/>")
    np.savez(root / "weights.npz", w=np.arange(6.0))
    (root / "drive.mp4").write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64))
    return {"clips": clips}


def read_clip(path: Path) -> np.ndarray:
    """Samples from -1 to 1, by the wave module."""
    with wave.open(str(path)) as clip:
        return np.frombuffer(clip.readframes(clip.getnframes()), "<i2").astype(np.float32) / 32768


def archive_agrees(root: Path, planted: dict[str, Any]) -> None:
    for name, samples in planted["clips"].items():
        assert np.array_equal(read_clip(root / "clips" / name) * 32768, samples)


def check_archive(made: Made) -> None:
    """The text by letters and by words; the clips, with silence at the end of the short one."""
    name = made.entry("text", "wetter.txt")
    text, options = made.artifacts[name], made.options(name)
    letters = text.tables["characters"]["character"].tolist()
    assert "".join(letters[place] for place in text.tensors["char_ids"].tolist()) == TEXT.lower()
    words = text.table["word"].tolist()
    marks = options.get("punctuation", '.,;:"!?”“_-')
    wanted = [word.strip(marks) for word in TEXT.lower().split()]
    assert [words[place] for place in text.tensors["word_ids"].tolist()] == wanted
    files = sorted(path.name for path in (made.folder / "clips").iterdir())
    clips = made.artifacts[made.entry("audio", *(f"clips/{file}" for file in files))]
    waves = clips.tensors["waveform"].numpy()
    assert clips.manifest["facts"]["sample_rate"] == RATE
    assert [Path(file).name for file in clips.table["file"]] == files and waves.shape[1] == 1
    for file, got in zip(files, waves[:, 0], strict=True):
        samples = read_clip(made.folder / "clips" / file)[: len(got)]
        assert np.array_equal(got, np.pad(samples, (0, len(got) - len(samples)))), file
    assert waves.shape[2] >= 3000
    assert {made.catalog[one]["kind"] for one in made.own} == {"text", "audio"}


def write_project(root: Path) -> list[Photo]:
    """A project: a table, photos, and all that lies about in one."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    write_flowers(root / "data")
    photos = []
    for number in range(12):
        pixels = scene(99_000 + number, 30, 30)
        saved(root, f"images/plot_{number:02}.png", pixels)
        photos.append(Photo(f"images/plot_{number:02}.png", pixels))
    (root / "README.md").write_text("# Flowers\n\nMeasured in 1935, photographed later.\n")
    (root / "LICENSE").write_text(
        "MIT License\n\nPermission is hereby granted, free of charge, …\n"
    )
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "explore.ipynb").write_text(json.dumps(notebook))
    for folder in (root, root / "images"):
        (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" + bytes(40))
    resource = b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(60)
    for name in ("images/._plot_00.png", "data/._flowers.csv", "._README.md"):
        path = root / "__MACOSX" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(resource)
    (root / ".git").mkdir(exist_ok=True)
    (root / ".git" / "config").write_text("[core]\n\tbare = false\n")
    return photos


def check_project(made: Made) -> None:
    """The table and the photos, and nothing of what systems leave."""
    check_table(made, read_flowers(made.folder / "data/flowers.csv"), "data/flowers.csv")
    check_images(made, write_project(made.place / "again"))
    read = {
        path.relative_to(made.folder.resolve()) for name in made.own for path in made.reads(name)
    }
    strange = [path for path in read if {"__MACOSX", ".git", ".DS_Store"} & {*path.parts}]
    assert not strange


PROJECTS = [
    Folder("CT", write_scan, scan_agrees, check_scan),
    Folder("Archiv", write_archive, archive_agrees, check_archive),
    Folder("flower project", write_project, photos_agree, check_project, quick=True),
]
