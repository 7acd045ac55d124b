"""Audio: planted tones, a second transform, the same bits on any CPU, all kinds of bad files."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import ptm
from ptm.errors import CatalogError, InputError
from ptm.kinds import audio
from ptm.kinds.audio import Options
from ptm.model import Block
from tests.support.stores import python

RATE = 16_000
Make = Callable[..., Block]


def tone(hertz: float, seconds: float = 0.25, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * hertz * time)


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    """16 bits by Python's own module: samples float [time(, channel)] from -1 to 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.atleast_2d(samples.T).T
    with wave.open(str(path), "wb") as file:
        file.setnchannels(pixels.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((pixels * 32767).round().astype("<i2").tobytes())
    return path


def test_a_file(tmp_path: Path, make: Make) -> None:
    """One file: its samples as the file has them, by 32768; its rate; a row."""
    write(tmp_path / "a.wav", tone(440))
    block = make("audio", "a.wav")
    written = (tone(440) * 32767).round() / 32768
    assert block.tensors["waveform"].dtype == torch.float32
    assert np.array_equal(block.tensors["waveform"].numpy(), written[None, None].astype("float32"))
    assert block.axes["waveform"] == ("sample", "channel", "time")
    assert block.axes["log_mel"] == ("sample", "channel", "mel", "frame")
    assert block.tensors["log_mel"].shape == (1, 1, 64, 1 + (4000 - 1024) // 256)
    assert block.facts["sample_rate"] == RATE and len(block.facts["centres"]) == 64
    assert block.rows.to_pylist() == [
        {
            "file": "a.wav",
            "sample_rate": RATE,
            "channels": 1,
            "samples": 4000,
            "seconds": 0.25,
            "encoding": "PCM_16",
        }
    ]


def test_a_folder(tmp_path: Path, make: Make) -> None:
    """The files of a folder in the order of their names, each with all its channels."""
    stereo = np.stack([tone(300), tone(3000)], axis=1)
    for name in ("b.wav", "a.WAV"):
        write(tmp_path / "clips" / name, stereo if name == "b.wav" else stereo[:, ::-1])
    block = make("audio", "clips")
    assert block.rows["file"].to_pylist() == ["a.WAV", "b.wav"]
    first, second = block.tensors["waveform"]
    assert torch.equal(first.flip(0), second)


@pytest.mark.parametrize("hertz", [125, 500, 1000, 4000, 7000])
def test_the_band_of_a_tone(tmp_path: Path, make: Make, hertz: int) -> None:
    """A pure tone is loudest in the band whose peak is nearest to it on the mel scale."""
    write(tmp_path / "a.wav", tone(hertz))
    block = make("audio", "a.wav", mels=40)
    mel = 2595 * np.log10(1 + np.array(block.facts["centres"]) / 700)
    nearest = np.abs(mel - 2595 * math.log10(1 + hertz / 700)).argmin()
    loudest = block.tensors["log_mel"][0, 0].argmax(0).tolist()
    assert set(loudest) == {nearest}


def test_power_of_a_tone() -> None:
    """A sine at the middle of a bin, of amplitude 1, has 1/4 there, 1/16 beside, else nothing."""
    frame = np.sin(2 * np.pi * 16 * np.arange(256) / 256)[None].astype("float32")
    found = audio.power(frame)[:, 0]
    assert found[16] == pytest.approx(1 / 4, abs=1e-7)
    assert found[[15, 17]] == pytest.approx([1 / 16, 1 / 16], abs=1e-7)
    assert np.delete(found, [15, 16, 17]).max() < 1e-12


def test_silence(tmp_path: Path, make: Make) -> None:
    """Silence is the logarithm of the floor, and no infinity."""
    write(tmp_path / "a.wav", np.zeros(2000))
    values = make("audio", "a.wav").tensors["log_mel"]
    assert torch.unique(values).tolist() == [pytest.approx(math.log(1e-10))]


@pytest.mark.parametrize("size", [16, 64, 1024, 4096])
def test_transform_agrees_with_another(size: int) -> None:
    """The transform is NumPy's to the last digits, on noise."""
    frames = np.random.default_rng(size).normal(size=(7, size))
    real, imaginary = audio.transform(frames)
    other = np.fft.fft(frames).T
    scale = np.abs(other).max() * 1e-14
    assert np.abs(real - other.real).max() < scale
    assert np.abs(imaginary - other.imag).max() < scale


def test_turns() -> None:
    """Cosines and sines of exact parts of a turn: those that are known are met exactly."""
    cosines, sines = audio.turns(16)
    assert cosines[[0, 4, 8, 12]].tolist() == [1.0, 0.0, -1.0, 0.0]
    assert sines[[0, 4, 8, 12]].tolist() == [0.0, 1.0, 0.0, -1.0]
    assert cosines[2] == sines[2] == math.sqrt(0.5)
    assert np.abs(cosines**2 + sines**2 - 1).max() < 3e-16
    assert np.abs(cosines - np.cos(np.arange(16) * np.pi / 8)).max() < 1e-15


def test_log_agrees_with_another() -> None:
    """The logarithm is the library's to the last digits, over the whole range."""
    values = 10.0 ** np.random.default_rng(0).uniform(-300, 300, 10_000)
    values[:4] = 1, 2, 0.5, 1e-10
    assert (
        np.abs(audio.log(values) / np.where(values == 1, 1, np.log(values)) - 1)[1:].max() < 1e-14
    )
    assert audio.log(values)[0] == 0


def test_log_mel_agrees_with_another() -> None:
    """The spectrogram of noise, by another transform, the formula of the scale and matrices."""
    waveform = np.random.default_rng(1).uniform(-1, 1, (2, 1, 5000)).astype("float32")
    window, hop, count = 512, 200, 30
    edges = audio.mel_edges(count, 100, 6000)
    found = audio.log_mel(waveform, window, hop, audio.filters(edges, RATE, window))
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (100, 6000))
    points = 700 * (10 ** (np.linspace(low, high, count + 2) / 2595) - 1)
    assert np.allclose(points, edges, rtol=1e-12)
    bins = np.arange(window // 2 + 1) * RATE / window
    left, peak, right = points[:-2, None], points[1:-1, None], points[2:, None]
    weights = np.maximum(
        0, np.minimum((bins - left) / (peak - left), (right - bins) / (right - peak))
    )
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    for clip in range(2):
        starts = range(0, 5000 - window + 1, hop)
        frames = np.array([waveform[clip, 0, s : s + window] for s in starts], dtype=float)
        power = np.abs(np.fft.rfft(frames * hann)) ** 2 / hann.sum() ** 2
        other = np.log(np.maximum(weights @ power.T, 1e-10))
        assert np.abs(found[clip, 0] - other).max() < 1e-5


def test_windows_are_cut_into_blocks_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many windows are transformed together, the bits are the same."""
    waveform = np.random.default_rng(2).uniform(-1, 1, (1, 2, 9000)).astype("float32")
    bands = audio.filters(audio.mel_edges(20, 0, 8000), RATE, 256)
    whole = audio.log_mel(waveform, 256, 100, bands)
    for number in (1, 7, 50):
        monkeypatch.setattr(audio, "AT_ONCE", number)
        assert np.array_equal(audio.log_mel(waveform, 256, 100, bands), whole)


CPU = """
import hashlib, numpy as np
from ptm.kinds import audio
waveform = np.random.default_rng(3).uniform(-1, 1, (1, 1, 8000)).astype("float32")
bands = audio.filters(audio.mel_edges(64, 0, 8000), 16000, 1024)
print(hashlib.sha256(audio.log_mel(waveform, 1024, 256, bands).tobytes()).hexdigest())
"""


def test_the_same_bits_without_vector_code() -> None:
    """With all of NumPy's vector code off the bits are the same."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    there = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    assert there, "no vector code that could be switched off"
    plain = python(CPU, NPY_DISABLE_CPU_FEATURES=" ".join(there), OPENBLAS_CORETYPE="Prescott")
    assert plain == python(CPU)


@pytest.mark.parametrize(
    ("encoding", "levels"),
    [("PCM_U8", 7), ("PCM_16", 15), ("PCM_24", 23), ("FLOAT", 24), ("DOUBLE", 24)],
)
def test_encodings(tmp_path: Path, make: Make, encoding: str, levels: int) -> None:
    """Samples of every encoding that float32 holds come exactly, and are called by their name."""
    values = np.random.default_rng(4).integers(-(2**levels) + 1, 2**levels, 500) / 2**levels
    soundfile.write(tmp_path / "a.wav", values, 8000, subtype=encoding)
    block = make("audio", "a.wav", window=64)
    assert np.array_equal(block.tensors["waveform"][0, 0].numpy(), values.astype("float32"))
    assert block.rows["encoding"].to_pylist() == [encoding]


def test_seconds_cut_and_fill_up(tmp_path: Path, make: Make) -> None:
    """Clips of several lengths are brought to one, and it is told how many were."""
    for name, seconds in (("a", 0.1), ("b", 0.2), ("c", 0.3)):
        write(tmp_path / "clips" / f"{name}.wav", tone(500, seconds))
    block = make("audio", "clips", seconds=0.2)
    waveform = block.tensors["waveform"]
    assert waveform.shape == (3, 1, 3200)
    assert (waveform[0, 0, 1600:] == 0).all() and (waveform[1, 0, 3100:] != 0).any()
    assert torch.equal(waveform[1], waveform[2])
    assert block.notes == ("of 3 clips 1 were cut and 1 filled with silence to 0.2 s",)


def test_shorter_than_a_window(tmp_path: Path, make: Make) -> None:
    """A clip that is shorter than a window has one, filled up with silence."""
    write(tmp_path / "a.wav", tone(500, 0.01))
    assert make("audio", "a.wav").tensors["log_mel"].shape == (1, 1, 64, 1)


def test_bands_that_hold_nothing_are_told(tmp_path: Path, make: Make) -> None:
    """Bands narrower than a bin are empty; that is said, with what helps."""
    write(tmp_path / "a.wav", tone(500))
    [note] = make("audio", "a.wav", mels=256, window=128).notes
    assert "bands are narrower than a bin" in note and "longer 'window'" in note


def riff(data: bytes, size: int | None = None, head: bytes = b"RIFF") -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return head + struct.pack("<I", len(body)) + body


NAN = np.zeros(100)
NAN[17] = np.nan
BAD = {
    "empty": (b"", "expected a whole WAV file, got an empty file"),
    "no WAV": (b"ID3\3" + bytes(100), "got bytes that are no WAV"),
    "cut short": (riff(bytes(100), 200), "got 100 of 200 bytes: it is cut short"),
    "cut in its header": (riff(bytes(100))[:30], "cut short"),
    "written to a pipe": (riff(bytes(100), 0xFFFFFFFF), "does not say how long it is"),
    "without samples": (riff(b""), "got one without samples"),
    "without data": (riff(bytes(100))[:36], "without samples"),
    "of an encoding that is none": (riff(bytes(100)).replace(b"\1\0\1\0", b"\x99\x99\1\0"), "got "),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_files(tmp_path: Path, make: Make, fault: str) -> None:
    """Each is refused with its name and the reason; nothing is made up."""
    raw, message = BAD[fault]
    (tmp_path / "a.wav").write_bytes(raw)
    with pytest.raises(InputError, match="expected a whole WAV file") as raised:
        make("audio", "a.wav")
    assert message in str(raised.value) and "(a.wav)" in str(raised.value)


def test_every_cut_is_seen(tmp_path: Path, make: Make) -> None:
    """Wherever a file is cut, that shows: decoders read what is there and say nothing."""
    raw = write(tmp_path / "whole.wav", tone(500, 0.005)).read_bytes()
    assert make("audio", "whole.wav", window=16).tensors["waveform"].shape[2] == 80
    for length in range(len(raw)):
        (tmp_path / "a.wav").write_bytes(raw[:length])
        with pytest.raises(InputError, match="expected a whole WAV file"):
            make("audio", "a.wav")


def test_numbers_that_are_not_finite(tmp_path: Path, make: Make) -> None:
    """Samples that are no numbers are refused by their place."""
    soundfile.write(tmp_path / "a.wav", NAN, 8000, subtype="FLOAT")
    with pytest.raises(
        InputError, match="sample 17 of channel 0: expected a finite number, got nan"
    ):
        make("audio", "a.wav")


def test_clips_that_differ(tmp_path: Path, make: Make) -> None:
    """What differs from most is told of each file: rate, channels, length; with what helps."""
    for name in ("a", "b", "c"):
        write(tmp_path / "clips" / f"{name}.wav", tone(500))
    write(tmp_path / "clips" / "d.wav", tone(500), rate=8000)
    write(tmp_path / "clips" / "e.wav", np.stack([tone(500)] * 2, axis=1))
    write(tmp_path / "clips" / "f.wav", tone(500, 0.3))
    (tmp_path / "clips" / "g.wav").write_bytes(b"no")
    with pytest.raises(InputError) as raised:
        make("audio", "clips")
    message = str(raised.value)
    assert "4 faults" in message
    like = "expected 1 channel of 16000 Hz, 4000 samples as in a.wav"
    assert f"{like}, got 1 channel of 8000 Hz, 4000 samples (clips/d.wav)" in message
    assert f"{like}, got 2 channels of 16000 Hz, 4000 samples (clips/e.wav)" in message
    assert "(or 'seconds', to cut or to fill up), got 1 channel of 16000 Hz, 4800" in message
    assert "(clips/g.wav)" in message


def test_too_large(tmp_path: Path, make: Make) -> None:
    """What is larger than allowed is refused by its header, with what allows it."""
    write(tmp_path / "a.wav", tone(500))
    with pytest.raises(InputError, match=r"at most 8\.0 kB \(or max_bytes = 16000\)"):
        make("audio", "a.wav", max_bytes=8000)


WHOLES = {
    "waveforms": ({"max_bytes": 40_000}, "waveform", "max_bytes = 48000", "4000 columns of 3 rows"),
    "spectrograms": ({"max_bytes": 50_000, "hop": 8}, "log_mel", "max_bytes = 286464", "373 col"),
    "a century": ({"seconds": 3e9}, "waveform", "max_bytes = 576000000000000", "of 3 rows"),
    "for ever": ({"seconds": 1e15}, "waveform", "expected an encoding of at most 1.07 GB", "got "),
    "beyond float64": ({"seconds": 1e308}, "log_mel", "an encoding of at most 1.07 GB", "got "),
}


@pytest.mark.parametrize("what", WHOLES)
def test_too_large_together(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What all clips take together is known after the first, and refused before it is taken."""
    for name in ("a", "b", "c"):
        write(tmp_path / "clips" / f"{name}.wav", tone(500))
    options, *messages = WHOLES[what]
    decoded: list[Path] = []
    read = audio.read_sound
    monkeypatch.setattr(
        audio, "read_sound", lambda path, *of: decoded.append(path) or read(path, *of)
    )
    with pytest.raises(InputError) as raised:
        make("audio", "clips", **options)
    assert [message for message in messages if message not in str(raised.value)] == []
    assert len(decoded) == 1


def test_as_large_as_allowed(tmp_path: Path, make: Make) -> None:
    """What is just within the limit is made."""
    for name in ("a", "b", "c"):
        write(tmp_path / "clips" / f"{name}.wav", tone(500))
    block = make("audio", "clips", max_bytes=48_000)
    assert block.tensors["waveform"].nbytes == 48_000
    block = make("audio", "clips", max_bytes=286_464, hop=8)
    assert block.tensors["log_mel"].nbytes == 286_464


def test_bands_beyond_the_rate(tmp_path: Path, make: Make) -> None:
    """Bands above half of the sample rate are refused."""
    write(tmp_path / "a.wav", tone(500))
    with pytest.raises(InputError, match="bands from 0 to 8000 Hz"):
        make("audio", "a.wav", high=9000)


OPTIONS = {
    "window = 1000": "a power of two for 'window', got 1000",
    "low = 500\nhigh = 400": "'low' below 'high', got 500 and 400",
    "hop = 0": "[x] hop",
    "seconds = 0": "[x] seconds",
    "mel = 64": "unknown option (did you mean 'mels'?)",
}


@pytest.mark.parametrize("option", OPTIONS)
def test_wrong_options(tmp_path: Path, option: str) -> None:
    """Options that cannot be are errors of the catalog."""
    (tmp_path / "catalog.toml").write_text(f'[x]\nkind = "audio"\npath = "a.wav"\n{option}\n')
    with pytest.raises(CatalogError) as raised:
        ptm.load_catalog(tmp_path / "catalog.toml")
    assert OPTIONS[option] in str(raised.value)


def test_the_whole_way(tmp_path: Path) -> None:
    """From the catalog to the views: made, cached, shown."""
    for number in range(3):
        write(tmp_path / "clips" / f"{number}.wav", tone(300 * (number + 1)))
    source = Options(name="bells", root=tmp_path, kind="audio", path="clips")
    store = tmp_path / "store"
    assert not ptm.tensorize(source, store).cached and ptm.tensorize(source, store).cached
    artifact = ptm.load("bells", store)
    assert artifact.table["seconds"].tolist() == [0.25] * 3
    assert artifact.table.attrs["units"] == {"sample_rate": "Hz", "seconds": "s"}
    clips, picture, _ = artifact.views
    assert [row["file"] for row in clips.rows] == ["0.wav", "1.wav", "2.wav"]
    assert picture.file.read_bytes().startswith(b"\x89PNG")
    packages: Any = artifact.manifest["packages"]
    assert "soundfile" in packages
