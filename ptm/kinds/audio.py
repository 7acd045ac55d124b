"""Audio: WAV files of one sample rate into waveforms and log-mel spectrograms.

The spectrograms have the same bits on every CPU: their arithmetic is float64, each operation
rounded on its own and in a fixed order, and what comes of tables (angles, the mel scale) is
computed with decimals. What libraries have for it is faster, and rounds as the CPU has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from ptm import arrow
from ptm.errors import BadInput, Faults
from ptm.limits import FLOAT32, check_size
from ptm.model import CHANNEL, SAMPLE, Artifact, Bad, Block, File, Part, View
from ptm.parts import DECODED, between_files, size_of_alike
from ptm.readers.sound import Sound, read_shape, read_sound
from ptm.source import GIB, Number, Pattern, Source

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess
    from ptm.learned import Learned
    from ptm.stats import Stats

TIME, MEL, FRAME = "time", "mel", "frame"
FLOOR = 1e-10  # of a band's power, whose logarithm is taken
DIGITS = 40  # of decimals; a float64 has 17
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
LN2 = 0.6931471805599453
TERMS = 12  # of the series of the logarithm: what is left out is below 1e-20
AT_ONCE = 1 << 8  # windows that are transformed together: what that takes stays in the cache
SHOWN = 4  # clips of a picture
CLIPS = "clips"
LONGEST = 1 << 62  # samples of a clip, more than any memory has


class Options(Source):
    """WAV files of one sample rate and number of channels: a file, or a folder of them.

    Attributes:
        pattern: which files of the folder; upper and lower case are the same.
        seconds: that each clip is cut, or filled with silence at its end, to; without it all clips
            must be equally long.
        window: samples that are transformed together; a power of two.
        hop: samples from the start of one window to that of the next.
        mels: bands of the spectrogram.
        low, high: Hz, the ends of the bands; without `high` half of the sample rate.
        max_bytes: the most that one decoded clip, the waveforms of a part together, and their
            spectrograms may have.
    """

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes"})

    pattern: Pattern = "*.wav"
    seconds: Number | None = Field(default=None, gt=0)
    window: int = Field(default=1024, ge=16, le=1 << 16)
    hop: int = Field(default=256, ge=1)
    mels: int = Field(default=64, ge=1, le=1024)
    low: Number = Field(default=0.0, ge=0)
    high: Number | None = Field(default=None, gt=0)
    max_bytes: int = Field(default=GIB, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.window & (self.window - 1):
            raise ValueError(f"a power of two for 'window', got {self.window}")
        if self.high is not None and self.low >= self.high:
            raise ValueError(f"'low' below 'high', got {self.low:g} and {self.high:g}")
        return self


def read(options: Options, part: Part) -> Block:
    """Waveforms and log-mel spectrograms of clips, in the order of their names.

    Returns:
        `waveform` float32 [sample, channel, time], from -1 to 1 where the file has integers;
        `log_mel` float32 [sample, channel, mel, frame]: the natural logarithm of the power in each
        band, at least 1e-10, of windows under a Hann window, as a share of the window's squared
        sum. The facts hold `sample_rate` in Hz and the `centres` of the bands in Hz; the table has
        one row for each clip.

    Raises:
        BadInput: a file that is no whole WAV, or differs from most in sample rate, channels or,
            where no `seconds` are given, in length. All that is wrong is told, with the files; or
            they are set aside, where the entry says so. Or a tensor would be larger than
            `max_bytes`: that is known after the first file.
    """
    import numpy as np
    import torch

    files, bad = part.files, tuple[Bad, ...]()
    if options.on_bad == "quarantine":
        files, clips, bad = _sorted_out(options, part)
        if not clips:
            return Block(bad=bad)
    else:
        clips = _all_good(options, files)
    rate, length = clips[0].rate, _length(clips[0], options)
    waveform = np.zeros((len(clips), clips[0].samples.shape[1], length), dtype=np.float32)
    for number, clip in enumerate(clips):
        kept = clip.samples[:length]
        waveform[number, :, : len(kept)] = kept.T
    high = options.high or rate / 2
    if high > rate / 2 or options.low >= high:
        expected = f"bands from 0 to {rate / 2:g} Hz, half of the sample rate"
        raise BadInput("low and high", expected, f"{options.low:g} to {high:g}")
    edges = mel_edges(options.mels, options.low, high)
    weights = filters(edges, rate, options.window)
    empty = sum(not band for band in weights)
    return Block(
        {
            "waveform": torch.from_numpy(waveform),
            "log_mel": torch.from_numpy(log_mel(waveform, options.window, options.hop, weights)),
        },
        {"waveform": (SAMPLE, CHANNEL, TIME), "log_mel": (SAMPLE, CHANNEL, MEL, FRAME)},
        _rows(files, clips),
        bad=bad,
        facts={"sample_rate": rate, "centres": edges[1:-1]},
        notes=(*_of_bands(empty, options),),
        uniform={CLIPS: {_told(_look(clips[0], options)): len(clips)}},
        carried=_counts([len(clip.samples) for clip in clips], length),
    )


def without_bad(options: Options, block: Block, left: NDArray[np.bool_]) -> Block:
    """A block of those of its clips that are marked."""
    import numpy as np
    import pyarrow as pa

    rows, [look] = block.rows.filter(pa.array(left)), block.uniform[CLIPS]
    tensors = {name: np.asarray(tensor)[left] for name, tensor in block.tensors.items()}
    counts = _counts(rows["samples"].to_pylist(), tensors["waveform"].shape[2])
    uniform = {CLIPS: {look: rows.num_rows}}
    return replace(block, tensors=tensors, rows=rows, uniform=uniform, carried=counts)


def _counts(lengths: Sequence[int], length: int) -> dict[str, int]:
    """How many clips there are, and how many of them are cut to a length, or filled up."""
    return {
        "clips": len(lengths),
        "cut": sum(one > length for one in lengths),
        "filled": sum(one < length for one in lengths),
    }


def parts(options: Options, files: tuple[File, ...], target_bytes: int) -> list[Part]:
    """Parts of about as many bytes as asked for, waveforms and spectrograms, by those of a clip."""

    def size_of(file: File) -> int:
        shape = read_shape(file.path)
        length = shape.frames
        if options.seconds is not None:
            length = min(int(options.seconds * shape.rate), LONGEST)
        values = length + options.mels * (length // options.hop + 1)
        return values * shape.channels * FLOAT32

    size = size_of_alike(files, size_of, max(file.bytes for file in files) * DECODED)
    return between_files(files, [size] * len(files), target_bytes)


def whole(
    options: Options, learned: Learned, stats: Stats, carried: Sequence[Mapping[str, Any]]
) -> Block:
    """How many of all clips were cut, or filled."""
    clips, cut, filled = (sum(one[what] for one in carried) for what in ("clips", "cut", "filled"))
    if not (cut or filled):
        return Block()
    said = f"{cut} were cut and {filled} filled with silence to {options.seconds:g} s"
    return Block(notes=(f"of {clips} clips {said}",))


def mel_edges(bands: int, low: float, high: float) -> list[float]:
    """Where triangular bands begin, peak and end, Hz, [bands + 2]: even on the mel scale.

    Each begins at the peak of the one before and ends at that of the next. Mels are
    2595 log10(1 + Hz / 700): O'Shaughnessy, "Speech Communication: Human and Machine", 1987.
    """
    with localcontext(prec=DIGITS):
        first, last = (2595 * (1 + Decimal(hz) / 700).log10() for hz in (low, high))
        step = (last - first) / (bands + 1)
        mels = [first + step * number for number in range(bands + 2)]
        return [float(700 * (Decimal(10) ** (mel / 2595) - 1)) for mel in mels]


def filters(edges: Sequence[float], rate: int, window: int) -> list[list[tuple[int, float]]]:
    """For each band the bins of the transform that it has, each with its weight, 1 at the peak."""
    bins = [number * rate / window for number in range(window // 2 + 1)]
    bands = []
    for left, peak, right in zip(edges, edges[1:], edges[2:], strict=False):
        rises = [min((hz - left) / (peak - left), (right - hz) / (right - peak)) for hz in bins]
        bands.append([(number, weight) for number, weight in enumerate(rises) if weight > 0])
    return bands


def log_mel(
    waveform: NDArray[np.float32], window: int, hop: int, bands: list[list[tuple[int, float]]]
) -> NDArray[np.float32]:
    """Log-mel spectrograms, float32 [sample, channel, band, frame].

    Args:
        waveform: float32 [sample, channel, time]; shorter ones are filled up to one window.
        window: samples of one.
        hop: samples from one to the next.
        bands: see `filters`.
    """
    import numpy as np

    short = max(window - waveform.shape[2], 0)
    padded = np.pad(waveform, ((0, 0), (0, 0), (0, short)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window, axis=2)[:, :, ::hop]
    out = np.empty((*frames.shape[:2], len(bands), frames.shape[2]), dtype=np.float32)
    for clip, channel in np.ndindex(*frames.shape[:2]):
        for start in range(0, frames.shape[2], AT_ONCE):
            some = power(frames[clip, channel, start : start + AT_ONCE])
            totals = np.zeros((len(bands), some.shape[1]))
            for total, band in zip(totals, bands, strict=True):
                for place, weight in band:  # one by one, in this order
                    total += some[place] * weight
            out[clip, channel, :, start : start + AT_ONCE] = log(np.maximum(totals, FLOOR))
    return out


def power(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of each bin of windows under a Hann window, float64 [window / 2 + 1, frame].

    It is a share of the squared sum of the window: a sine at the middle of a bin, of amplitude 1,
    has 1/4.

    Args:
        frames: float32 [frame, window].
    """
    size = frames.shape[1]
    hann = (1 - turns(size)[0]) / 2  # its sum is size / 2, exactly
    real, imaginary = transform(frames.astype("float64") * hann)
    squares: NDArray[np.float64] = real[: size // 2 + 1] ** 2
    squares += imaginary[: size // 2 + 1] ** 2
    squares /= (size / 2) ** 2
    return squares


def transform(frames: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Real and imaginary part of the discrete Fourier transform of each row, [size, frame] both.

    Source: Cooley and Tukey, "An algorithm for the machine calculation of complex Fourier series",
    1965: by halves, each multiplication and each sum rounded on its own.

    Args:
        frames: float64 [frame, size], the size a power of two.
    """
    import numpy as np

    count, size = frames.shape
    bits = size.bit_length() - 1
    order = [int(f"{number:0{bits}b}"[::-1], 2) for number in range(size)]
    real, imaginary = np.ascontiguousarray(frames.T[order]), np.zeros((size, count))
    cosines, sines = turns(size)
    half = 1
    while half < size:
        step = size // (2 * half)
        cosine, sine = cosines[: size // 2 : step, None], sines[: size // 2 : step, None]
        a, b = (part.reshape(step, 2, half, count) for part in (real, imaginary))
        turned = a[:, 1] * cosine
        turned += b[:, 1] * sine  # times e^(-i angle)
        other = b[:, 1] * cosine
        other -= a[:, 1] * sine
        np.subtract(a[:, 0], turned, out=a[:, 1])
        np.subtract(b[:, 0], other, out=b[:, 1])
        a[:, 0] += turned
        b[:, 0] += other
        half *= 2
    return real, imaginary


@cache
def turns(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosine and sine of each of `size` parts of a turn, float64 [size], rounded once."""
    import numpy as np

    with localcontext(prec=DIGITS):
        eighth = [_cosine_and_sine(2 * PI * number / size) for number in range(size // 8 + 1)]
    cosines, sines = np.empty(size), np.empty(size)
    for number in range(size):
        turned, rest = divmod(number * 4, size)
        place = rest // 4
        swapped = place > size // 8
        cosine, sine = eighth[size // 4 - place if swapped else place]
        cosine, sine = (sine, cosine) if swapped else (cosine, sine)
        for _ in range(turned):
            cosine, sine = -sine, cosine
        cosines[number], sines[number] = cosine + 0.0, sine + 0.0  # no negative zeros
    return cosines, sines


def _cosine_and_sine(angle: Decimal) -> tuple[float, float]:
    """Both by their series: the angle is at most an eighth of a turn."""
    cosine, sine, term = Decimal(0), Decimal(0), Decimal(1)
    for power in range(40):
        if power % 2:
            sine += term if power % 4 == 1 else -term
        else:
            cosine += term if power % 4 == 0 else -term
        term = term * angle / (power + 1)
    return float(cosine), float(sine)


def log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of numbers above 0, to the last bits of float64.

    A power of two times m, with m from sqrt(1/2) to sqrt(2): ln m = 2 artanh((m - 1) / (m + 1)).
    """
    import numpy as np

    mantissa, exponent = np.frexp(values)
    small = mantissa < 0.7071067811865476
    mantissa = np.where(small, mantissa * 2, mantissa)
    exponent = exponent - small
    ratio = (mantissa - 1) / (mantissa + 1)
    square = ratio * ratio
    series = np.full_like(ratio, 1 / (2 * TERMS + 1))
    for number in range(TERMS - 1, -1, -1):
        series *= square
        series += 1 / (2 * number + 1)
    series *= ratio
    result: NDArray[np.float64] = exponent * LN2
    result += series * 2
    return result


def _all_good(options: Options, files: Sequence[File]) -> list[Sound]:
    """The clips, none of which may be bad.

    Raises:
        BadInput: see `read`.
    """
    faults, clips = Faults(), list[Sound]()
    found = {}
    for place, file in enumerate(files):
        try:
            found[place] = read_sound(file.path, options.max_bytes)
        except BadInput as bad:
            faults.add(bad)
        if len(found) == 1 and not clips:  # the others are like the first, or refused
            clips = [*found.values()]
            _check_sizes(len(files), clips[0], options, faults)
    for fault in _odd(files, found, options).values():
        faults.add(fault)
    faults.check()
    return [*found.values()]


def _sorted_out(
    options: Options, part: Part
) -> tuple[tuple[File, ...], list[Sound], tuple[Bad, ...]]:
    """The files that are good, their clips; and the bad ones.

    Raises:
        BadInput: those of one look would be too large together.
    """
    files, found, bad = part.files, dict[int, Sound](), dict[int, BadInput]()
    for place, file in enumerate(files):
        try:
            found[place] = read_sound(file.path, options.max_bytes)
        except BadInput as error:
            bad[place] = error
    bad |= _odd(files, found, options, dict(part.usual).get(CLIPS, ""))
    good = {place: sound for place, sound in found.items() if place not in bad}
    if good:
        _check_sizes(len(good), next(iter(good.values())), options, Faults())
    aside = [(files[place].name, bad[place]) for place in sorted(bad)]
    return (
        tuple(files[place] for place in good),
        [*good.values()],
        tuple(Bad(name, one.where, one.expected, one.got) for name, one in aside),
    )


def _check_sizes(clips: int, like: Sound, options: Options, faults: Faults) -> None:
    """Looks whether the tensors of so many clips may be made, before memory is taken for them.

    Raises:
        BadInput: they may not; what was wrong before is told too.
    """
    layers, length = clips * like.samples.shape[1], _length(like, options)
    frames = 1 + max(length - options.window, 0) // options.hop
    before = faults.count
    for name, rows, columns in (
        ("waveform", layers, length),
        ("log_mel", layers * options.mels, frames),
    ):
        try:
            check_size(options, rows, columns, name)
        except BadInput as error:
            faults.add(error)
    if faults.count > before:
        faults.check()


def _length(clip: Sound, options: Options) -> int:
    """The samples that each clip has in the tensor."""
    if options.seconds is None:
        return len(clip.samples)
    return max(round(min(options.seconds * clip.rate, LONGEST)), 1)


def _odd(
    files: Sequence[File], sounds: Mapping[int, Sound], options: Options, usual: str | None = None
) -> dict[int, BadInput]:
    """The clips that are unlike most, by their places.

    Args:
        files: of all.
        sounds: those that are whole, by their places.
        options: of the entry.
        usual: what most are, as it is told, where samples are set aside and all parts tell it
            alike; "" where it is counted here. None of others: the first of most is named.
    """
    looks = {place: _told(_look(sound, options)) for place, sound in sounds.items()}
    most = usual or next((one for one, _ in Counter(looks.values()).most_common(1)), "")
    like = next((files[place].name for place, look in looks.items() if look == most), "")
    expected = f"{most} as in {like}" if usual is None else f"{most} as most have"
    found = {}
    for place, look in looks.items():
        if look != most:
            is_alike = look.split(",")[0] == most.split(",")[0]  # but for the length
            hint = " (or 'seconds', to cut or to fill up)" if is_alike else ""
            found[place] = BadInput("", expected + hint, look, files[place].url)
    return found


def _look(sound: Sound, options: Options) -> tuple[int, int, int]:
    """What all clips have in common: sample rate, channels, samples."""
    length, channels = sound.samples.shape
    return sound.rate, channels, 0 if options.seconds else length


def _told(look: tuple[int, int, int]) -> str:
    rate, channels, length = look
    layers = "1 channel" if channels == 1 else f"{channels} channels"
    return f"{layers} of {rate} Hz" + (f", {length} samples" if length else "")


def _rows(files: Sequence[File], clips: Sequence[Sound]) -> pa.Table:
    columns: dict[str, Any] = {
        "file": [file.name for file in files],
        "sample_rate": [clip.rate for clip in clips],
        "channels": [clip.samples.shape[1] for clip in clips],
        "samples": [len(clip.samples) for clip in clips],
        "seconds": [len(clip.samples) / clip.rate for clip in clips],
        "encoding": [clip.encoding for clip in clips],
    }
    return arrow.table(columns, {"sample_rate": "Hz", "seconds": "s"})


def _of_bands(empty: int, options: Options) -> Iterator[str]:
    if empty:
        yield (
            f"{empty} of {options.mels} bands are narrower than a bin of the window and hold "
            "nothing (a longer 'window', or fewer 'mels')"
        )


def views(artifact: Artifact) -> Iterator[View]:
    """The clips, and the spectrograms of the first."""
    yield View("clips", "Each clip: its sample rate in Hz, its length in s.", table=artifact.table)
    facts, options = artifact.manifest["facts"], artifact.manifest["options"]
    yield View(
        "spectrograms",
        f"Log-mel spectrograms of the first clips, first channel: {options['mels']} bands from "
        f"{options['low']:g} to {options['high'] or facts['sample_rate'] / 2:g} Hz against the "
        "time in s; the colour is the natural logarithm of the power.",
        picture=_spectrograms(artifact),
        title=f"{artifact.name}: log-mel spectrograms",
    )


def _spectrograms(artifact: Artifact) -> Any:
    from ptm import draw

    first = next(part for part in artifact.parts if part.ref.files)
    found = first.tensors["log_mel"][:SHOWN, 0].numpy()
    rate, hop = artifact.manifest["facts"]["sample_rate"], artifact.manifest["options"]["hop"]
    figure, all_axes = draw.grid(len(found), 1, 7.0, 0.6 + 1.5 * len(found))
    for axes, values, name in zip(all_axes, found, artifact.table["file"], strict=False):
        extent = (0, values.shape[1] * hop / rate, 0, len(values))
        axes.imshow(values, origin="lower", aspect="auto", extent=extent, cmap="magma")
        axes.grid(False)
        axes.set_title(str(name).replace("$", r"\$"), fontsize=8.5, loc="left")
        axes.set_ylabel("band", fontsize=8.5)
    all_axes[-1].set_xlabel("time (s)", fontsize=8.5)
    return figure


def inspect(folder: Folder) -> Guess | None:
    """The sounds of a folder, for `ptm init`."""
    from ptm.inspecting.sound import inspect as look

    return look(folder)
