"""Images that are no images, or not as their source says."""

from __future__ import annotations

import numpy as np

from tests.support.bad_inputs.building import (
    EIGHT_BIT,
    IMAGES,
    NOISE,
    ONE_IMAGE,
    BadInput,
    both,
    cut,
    ended,
    file,
    nothing,
    photo,
    rgb_16_bit,
)
from tests.support.jpegs import SCANS_BY_CHANNEL
from tests.support.tiffs import tiff

BAD_IMAGES = (
    BadInput(
        "jpeg-truncated",
        both(photo("bobby.jpg"), cut("bobby.jpg", 0.6)),
        ONE_IMAGE % "bobby.jpg",
        ("jpeg-truncated/bobby.jpg", "expected a whole image", "truncated"),
    ),
    BadInput(
        "png-truncated",
        both(photo("cat1.png"), photo("cat2.png"), cut("cat2.png", 0.6)),
        IMAGES,
        ("png-truncated/cat2.png", "expected a whole image", "truncated"),
    ),
    BadInput(
        "name-not-utf-8",
        both(photo("cat1.png"), photo("cat\udcff.png")),  # the byte 0xff, as Python shows it
        IMAGES,
        ("name-not-utf-8: expected names of files in UTF-8", "\\xff.png"),
    ),
    BadInput(
        "png-16-bit-rgb",
        both(rgb_16_bit("cat.png"), photo("a.png", height=4, width=5)),
        IMAGES,
        (
            "png-16-bit-rgb/cat.png",
            "4 x 5 pixels with 3 channels as in a.png",
            "of 16 bits",
        ),
    ),
    BadInput(
        "png-16-bit-gray",
        both(photo("cat.png", "I;16"), photo("a.png", "L")),
        IMAGES,
        ("png-16-bit-gray/cat.png", "40 x 50 pixels with 1 channel as in a.png", "of 16 bits"),
    ),
    BadInput(
        "png-palette",
        both(photo("a.png"), photo("b.png", "P")),
        IMAGES,
        ("png-palette/b.png", EIGHT_BIT, "palette"),
    ),
    BadInput(
        "jpeg-cmyk",
        photo("print.jpg", "CMYK"),
        IMAGES,
        ("jpeg-cmyk/print.jpg", EIGHT_BIT, "CMYK"),
    ),
    BadInput(
        "png-is-text",
        file("cat.png", "This is no picture.\n"),
        IMAGES,
        ("png-is-text/cat.png", "expected a whole image"),
    ),
    BadInput(
        "png-empty",
        both(photo("a.png"), file("b.png", b"")),
        IMAGES,
        ("png-empty/b.png", "expected a whole image"),
    ),
    BadInput(
        "images-none",
        nothing,
        IMAGES,
        ("(images-none)", "expected at least one file that matches '*'", "got none"),
    ),
    BadInput(
        "images-no-folder",
        nothing,
        'kind = "images"\npath = "{here}/cats"',
        ("images-no-folder/cats", "expected a file or folder in the data root", "got nothing"),
    ),
    BadInput(
        "image-no-file",
        nothing,
        ONE_IMAGE % "bobby.jpg",
        ("image-no-file/bobby.jpg", "expected a file or folder in the data root", "got nothing"),
    ),
    BadInput(
        "images-two-sizes",
        both(photo("a.png"), photo("b.png", height=41)),
        IMAGES,
        ("images-two-sizes/b.png", "expected 40 x 50 pixels", "as in a.png", "got 41 x 50 pixels"),
    ),
    BadInput(
        "images-rgb-and-gray",
        both(photo("a.png"), photo("b.png", "L")),
        IMAGES,
        ("images-rgb-and-gray/b.png", "expected 40 x 50 pixels with 3 channels", "1 channel"),
    ),
    BadInput(
        "tiff-16-bit",
        file("x.tif", tiff(NOISE.astype(np.int16))),
        ONE_IMAGE % "x.tif",
        ("tiff-16-bit/x.tif", EIGHT_BIT, "got signed integers of 16 bits for each channel"),
    ),
    BadInput(
        "tiff-float",
        file("x.tif", tiff(NOISE.astype(np.float64))),
        ONE_IMAGE % "x.tif",
        ("tiff-float/x.tif", EIGHT_BIT, "got floats of 64 bits for each channel"),
    ),
    BadInput(
        "ppm-16-bit",
        file("x.ppm", b"P6 4 2 1023\n" + NOISE.tobytes()[:48]),
        ONE_IMAGE % "x.ppm",
        ("ppm-16-bit/x.ppm", EIGHT_BIT, "got values from 0 to 1023"),
    ),
    BadInput(
        "jpeg-ends-early",
        both(photo("x.jpg"), cut("x.jpg", 0.6), ended("x.jpg")),
        ONE_IMAGE % "x.jpg",
        ("jpeg-ends-early/x.jpg", "a whole image (or on_damage = 'note')", "got damaged data"),
    ),
    BadInput(
        "jpeg-scan-missing",
        file("x.jpg", SCANS_BY_CHANNEL[: SCANS_BY_CHANNEL.rindex(b"\xff\xda")] + b"\xff\xd9"),
        ONE_IMAGE % "x.jpg",
        ("jpeg-scan-missing/x.jpg", "on_damage", "got data that end early, after 2 scans"),
    ),
    BadInput(
        "png-too-large",
        photo("x.png"),
        ONE_IMAGE % "x.png" + "\nmax_bytes = 5999",
        ("png-too-large/x.png", "expected at most 6.0 kB", "max_bytes = 6000", "got 40 x 50"),
    ),
    BadInput(
        "eps-drawing",
        photo("x.eps"),
        ONE_IMAGE % "x.eps",
        ("eps-drawing/x.eps", "expected one of AVIF, BMP", "got EPS"),
    ),
)
