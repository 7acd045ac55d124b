"""Images of several sizes, depths and colours, and damaged ones of newer formats."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.bad_inputs.building import (
    IMAGES,
    NOISE,
    ONE_IMAGE,
    BadInput,
    Build,
    both,
    cut,
    file,
    photo,
)
from tests.support.pictures import noise, saved
from tests.support.tiffs import tiff


def heic(height: int = 40, width: int = 50) -> bytes:
    """A HEIC photo."""
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(noise(height, width, 3))).save(out, quality=90)
    return out.getvalue()


def frames(form: str, count: int, **options: Any) -> bytes:
    """A file of so many frames."""
    first, *others = [Image.fromarray(noise(40, 50, 3, seed=n)) for n in range(count)]
    out = io.BytesIO()
    first.save(out, form, save_all=True, append_images=others, **options)
    return out.getvalue()


def middle_flipped(name: str) -> Build:
    """Changes bytes in the middle of a file."""

    def build(folder: Path) -> None:
        raw = bytearray((folder / name).read_bytes())
        place = len(raw) // 2
        raw[place : place + 40] = bytes(byte ^ 0xA5 for byte in raw[place : place + 40])
        (folder / name).write_bytes(raw)

    return build


def one(name: str, build: Build, path: str, more: str, *says: str) -> BadInput:
    """A file that is the source."""
    return BadInput(name, build, f"{ONE_IMAGE % path}\n{more}", (f"{name}/{path}", *says))


WEBP, AVIF, HEIC = saved(NOISE, "WEBP", lossless=True), saved(NOISE, "AVIF"), heic()
FLOATS = np.linspace(0, 1, 72, dtype=np.float32).reshape(8, 9, 1)
NAN = FLOATS.copy()
NAN[3, 4] = np.nan
WHOLE = "expected a whole image"

BAD_PHOTOS = (
    one("webp-truncated", both(file("x.webp", WEBP), cut("x.webp", 0.6)), "x.webp", "", WHOLE),
    one("webp-begin-only", file("x.webp", WEBP[:20]), "x.webp", "", WHOLE),
    one("avif-truncated", both(file("x.avif", AVIF), cut("x.avif", 0.7)), "x.avif", "", WHOLE),
    one("avif-begin-only", file("x.avif", AVIF[:40]), "x.avif", "", "an unknown depth"),
    one("heic-truncated", both(file("x.heic", HEIC), cut("x.heic", 0.6)), "x.heic", "", WHOLE),
    one("heic-begin-only", file("x.heic", HEIC[:100]), "x.heic", "", WHOLE),
    one("gif-truncated", file("x.gif", frames("GIF", 1)[:-700]), "x.gif", 'color = "rgb"', WHOLE),
    one("gif-animated", file("x.gif", frames("GIF", 3)), "x.gif", "", "frames = true", "3 frames"),
    one(
        "gif-animated-colored",
        file("x.gif", frames("GIF", 3)),
        "x.gif",
        'color = "rgb"',
        *("frames = true", "got 3 frames"),
    ),
    one(
        "webp-animated",
        file("x.webp", frames("WEBP", 3, lossless=True)),
        "x.webp",
        "",
        *("frames = true", "got 3 frames"),
    ),
    one("tiff-pages", file("x.tif", frames("TIFF", 2)), "x.tif", "", "frames = true", "got 2"),
    one("gif-palette-frames", file("x.gif", frames("GIF", 2)), "x.gif", "frames = true", "color"),
    one(
        "gif-frames-truncated",
        file("x.gif", frames("GIF", 3)[:-900]),
        "x.gif",
        'frames = true\ncolor = "rgb"',
        WHOLE,
    ),
    one(
        "tiff-page-missing",
        both(file("x.tif", frames("TIFF", 3)), cut("x.tif", 0.7)),
        "x.tif",
        "frames = true",
        "expected",
    ),
    BadInput(
        "pages-of-two-sizes",
        lambda folder: (
            photo("a.png")(folder)
            or Image.fromarray(noise(40, 50, 3)).save(
                folder / "b.tif", save_all=True, append_images=[Image.fromarray(noise(41, 50, 3))]
            )
        ),
        IMAGES + "\nframes = true",
        ("pages-of-two-sizes/b.tif", "expected 40 x 50 pixels", "got 41 x 50 pixels"),
    ),
    BadInput(
        "sizes-counted",
        both(*(photo(f"{n}.png", height=40 + n % 3) for n in range(7))),
        IMAGES,
        ("40 x 50", "resize = [height, width]", "3 sizes", "3 of 40 x 50", "2 of 41 x 50"),
        lines=6,
    ),
    BadInput(
        "depths-mixed-resized",
        both(photo("a.png", "L"), photo("b.png", "I;16")),
        IMAGES + "\nresize = [20, 20]",
        ("depths-mixed-resized/b.png", "expected", "16 bits"),
    ),
    BadInput(
        "depths-mixed-colored",
        both(photo("a.png", "L"), photo("b.png", "I;16")),
        IMAGES + '\ncolor = "gray"',
        ("depths-mixed-colored/b.png", "expected", "16 bits"),
    ),
    BadInput(
        "float-and-8-bit",
        both(photo("a.png", "L", 8, 9), file("b.tif", tiff(FLOATS))),
        IMAGES,
        ("float-and-8-bit/b.tif", "8 x 9 pixels with 1 channel as in a.png", "of floats"),
    ),
    one("tiff-nan", file("x.tif", tiff(NAN)), "x.tif", "", "finite", "nan"),
    BadInput(
        "channels-mixed-resized",
        both(photo("a.png"), photo("b.png", "L", 50, 40)),
        IMAGES + "\nresize = [20, 20]",
        ("channels-mixed-resized/b.png", "3 channels", "1 channel"),
    ),
    BadInput(
        "palette-resized",
        both(photo("a.png"), photo("b.png", "P")),
        IMAGES + "\nresize = [20, 20]",
        ("palette-resized/b.png", "8-bit gray, RGB or RGBA", "color = 'rgb'", "palette"),
    ),
    BadInput(
        "one-bit",
        photo("b.png", "1"),
        IMAGES,
        ("one-bit/b.png", "8-bit gray, RGB or RGBA", "color = 'rgb'", "1 bit"),
    ),
    BadInput(
        "cmyk-truncated",
        both(photo("b.jpg", "CMYK"), cut("b.jpg", 0.6)),
        IMAGES + '\ncolor = "rgb"',
        ("cmyk-truncated/b.jpg", WHOLE),
    ),
    one("large-resized", photo("x.png"), "x.png", "max_bytes = 5999\nresize = [2, 2]", "6.0 kB"),
    one("svg", file("x.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"), "x.svg", "", "expected"),
    one("jpeg-named-png", both(file("x.png", b"\xff\xd8\xff\xe0" + bytes(60))), "x.png", "", WHOLE),
    one("webp-flipped", both(file("x.webp", WEBP), middle_flipped("x.webp")), "x.webp", "", WHOLE),
)
