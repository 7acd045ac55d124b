"""What `ptm init` sees in folders as people have them: other kinds, strays, names, many files."""

from __future__ import annotations

import io
import tomllib
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ptm.errors import CatalogError
from ptm.init import catalog_text, inspect
from tests.ptm.init.conftest import catalog_of, plant
from tests.ptm.init.test_pictures import picture
from tests.support.slices import slice_bytes

Look = Callable[..., dict[str, dict[str, Any]]]


def clip(seconds: float, rate: int = 8000) -> bytes:
    """A WAV file of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\0\0" * int(seconds * rate))
    return out.getvalue()


def test_sounds(look: Look) -> None:
    """WAV files of several lengths, in folders."""
    files: dict[str, str | bytes] = {f"s/{n % 2}/{n}.wav": clip(1 + n / 10) for n in range(6)}
    assert look(files) == {"s": {"kind": "audio", "path": "s", "pattern": "**/*", "seconds": 1.5}}


def test_a_rate_of_its_own(look: Look) -> None:
    """A clip of another rate is set aside."""
    files: dict[str, str | bytes] = {f"s/{n}.wav": clip(1) for n in range(6)}
    assert look(files | {"s/x.wav": clip(1, 16000)})["s"]["on_bad"] == "quarantine"


def test_hours(look: Look) -> None:
    """A table with a date and the hours of whole days is a series; with a text in it, a table."""
    lines = [f"2024-01-{n // 24 + 1:02},{n % 24},{n * 0.5}" for n in range(240)]
    found = look({"h.csv": "day,hr,load\n" + "\n".join(lines) + "\n"})
    assert found["h"] == {"kind": "timeseries", "path": "h.csv", "date": "day", "hour": "hr"}
    with_text = "\n".join(f"{line},{'ab'[n % 2]}" for n, line in enumerate(lines))
    assert look({"h.csv": "day,hr,load,kind\n" + with_text + "\n"})["h"]["kind"] == "table"


def test_hours_with_a_gap(look: Look) -> None:
    """Days that are missing are joined; an hour that comes twice is no series."""
    lines = [f"2024-01-{n // 24 + 1:02},{n % 24},{n}" for n in range(240) if not 50 < n < 90]
    assert look({"h.csv": "date,hour,x\n" + "\n".join(lines) + "\n"})["h"]["gaps"] == "join"
    twice = "\n".join([*lines, lines[3]])
    assert look({"h.csv": "date,hour,x\n" + twice + "\n"})["h"]["kind"] == "table"


def test_what_no_kind_takes(left_out: Callable[..., dict[str, str]]) -> None:
    """Each is listed with the reason."""
    found = left_out(
        {
            "film.mp4": b"\0\0\0\x18ftypmp42",
            "song.mp3": b"ID3",
            "paper.pdf": b"%PDF-1.4",
            "all.zip": b"PK\3\4",
            "weights.npz": b"PK\3\4",
            "code.py": "print(1)\n",
            "README.txt": "hello",
            "LICENSE": "MIT",
            "blob": bytes(range(256)) * 40,
            "nothing.csv": "",
            "model.pkl": b"\x80\4",
        }
    )
    words = {
        "film.mp4": "video",
        "song.mp3": "sound",
        "paper.pdf": "PDF",
        "all.zip": "archive",
        "weights.npz": "arrays",
        "code.py": "code",
        "README.txt": "note",
        "LICENSE": "note",
        "blob": "bytes",
        "nothing.csv": "empty",
        "model.pkl": "pickle",
    }
    assert found.keys() == words.keys()
    assert all(word in found[name] for name, word in words.items())


def test_strays_are_not_seen(look: Look, left_out: Callable[..., dict[str, str]]) -> None:
    """What systems leave is neither taken nor told."""
    files: dict[str, str | bytes] = {f"p/{n}.png": picture(seed=n) for n in range(4)}
    strays = [".DS_Store", "Thumbs.db", "__MACOSX/p/._0.png", "p/.hidden.png", "p/desktop.ini"]
    assert set(look(files | dict.fromkeys(strays, b"\0"))) == {"p"}
    assert left_out() == {}


def test_links(tmp_path: Path, look: Look, left_out: Callable[..., dict[str, str]]) -> None:
    """Links to folders are not followed: one could lead back up."""
    plant(tmp_path, {f"p/{n}.png": picture(seed=n) for n in range(3)})
    (tmp_path / "p/up").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to("nowhere")
    assert set(look()) == {"p"}
    assert set(left_out()) == {"p/up", "gone"}


def test_names_of_entries(look: Look) -> None:
    """Umlauts, blanks and signs; two files of one name."""
    table = "a,b\n" + "".join(f"{n},{n * 1.5}\n" for n in range(9))
    found = look({"Übersicht (neu) 2024.csv": table, "x/Übersicht (neu) 2024.csv": table.upper()})
    assert found["uebersicht_neu_2024"]["path"] == "Übersicht (neu) 2024.csv"
    assert found["x_uebersicht_neu_2024"]["path"].startswith("x/")
    assert {"1", "table"} <= look({"1.csv": table, "数.csv": table.replace("a", "q")}).keys()


def test_one_file(look: Look) -> None:
    """A file instead of a folder is looked at alone."""
    table = "a,b\n" + "".join(f"{n},{n * 1.5}\n" for n in range(9))
    assert set(look({"a.csv": table, "b.csv": table}, "a.csv")) == {"a"}


def test_an_empty_folder(look: Look) -> None:
    """Nothing is found in it."""
    assert look() == {}


def test_nowhere(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(CatalogError, match=r"nothing at .*gone"):
        inspect(tmp_path / "gone")


def test_an_unreadable_folder(tmp_path: Path, look: Look) -> None:
    """A folder that may not be read is left out; the others are looked at."""
    plant(
        tmp_path, {f"p/{n}.png": picture(seed=n) for n in range(3)} | {"secret/a.csv": "a,b\n1,2\n"}
    )
    (tmp_path / "secret").chmod(0)
    try:
        assert "p" in look()
    finally:
        (tmp_path / "secret").chmod(0o700)


def series(folder: str, count: int, uid: str = "1.2.3", suffix: str = ".dcm") -> dict[str, bytes]:
    """The slices of a CT series."""
    return {
        f"{folder}/{uid}-{n}{suffix}": slice_bytes(
            SeriesInstanceUID=uid, ImagePositionPatient=f"0\\0\\{3 * n}"
        )
        for n in range(count)
    }


def test_scans(look: Look, left_out: Callable[..., dict[str, str]]) -> None:
    """Series side by side, without suffixes, and what makes no volume."""
    lone = {"x/1.dcm": slice_bytes(ImagePositionPatient=None)}
    found = look(
        {**series("a", 3), **series("b", 3, "1.7", ""), **series("b", 4, "1.8", ""), **lone}
    )
    assert [entry["path"] for entry in found.values()] == ["a", "b", "b"]
    assert "pattern" not in found["a"]
    assert {entry.get("series") for entry in found.values()} == {None, "1.7", "1.8"}
    assert "position" in left_out()["x/1.dcm"].lower()


def test_everything_at_once(tmp_path: Path) -> None:
    """Tables, pictures, scans, sounds, texts: each is an entry; the catalog is TOML."""
    plant(
        tmp_path,
        {
            **series("ct", 4),
            **{f"pets/{kind}/{n}.png": picture(seed=n) for kind in "ab" for n in range(3)},
            **{f"sounds/{n}.wav": clip(1) for n in range(3)},
            "story.txt": "It was late, and cold.\nShe went home; nobody had seen her.\n" * 20,
            "wine.csv": "a;quality\n" + "".join(f"{n * 1.5};{n % 5 + 3}\n" for n in range(60)),
            "film.mp4": b"\0\0\0\x18ftypmp42",
        },
    )
    found = inspect(tmp_path)
    kinds = {entry["path"]: entry["kind"] for entry in catalog_of(found).values()}
    assert kinds == {
        "ct": "volume",
        "pets": "images",
        "sounds": "audio",
        "story.txt": "text",
        "wine.csv": "table",
    }
    assert list(found.left_out) == ["film.mp4"]


def test_the_catalog(tmp_path: Path) -> None:
    """It begins with its schema, and says its name, and where the data are from where it is."""
    plant(tmp_path, {"My Data/a.csv": "a,b\n" + "".join(f"{n},{n * 1.5}\n" for n in range(9))})
    text = catalog_text(inspect(tmp_path / "My Data"), tmp_path / "conf" / "catalog.toml")
    assert text.startswith("#:schema ./")
    assert tomllib.loads(text)["catalog"] == {"name": "my_data", "data": str(tmp_path / "My Data")}
    beside = catalog_text(inspect(tmp_path / "My Data"), tmp_path / "catalog.toml")
    assert tomllib.loads(beside)["catalog"]["data"] == "My Data"


def test_many_pictures(look: Look, tmp_path: Path) -> None:
    """Of very many files the headers of some are read."""
    raw = picture(8, 8)
    (tmp_path / "p").mkdir()
    for n in range(6000):
        (tmp_path / "p" / f"{n}.png").write_bytes(raw)
    assert look()["p"]["split"] == {"train": 0.8, "val": 0.1, "test": 0.1}
