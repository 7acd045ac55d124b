"""Folders of slices that are no volume."""

from __future__ import annotations

import shutil

from tests.support.bad_inputs.building import (
    VOLUME,
    BadInput,
    compressed,
    ct,
    cut,
    file,
    half_as_high,
    header,
    moved,
    raw_slope,
)

BAD_VOLUMES = (
    BadInput(
        "ct-no-pixels",
        ct(header(2, PixelData=None)),
        VOLUME,
        ("ct-no-pixels/2.dcm", "expected pixel data", "got none"),
    ),
    BadInput(
        "ct-slice-missing",
        ct(lambda paths: paths[3].unlink()),
        VOLUME,
        ("ct-slice-missing/4.dcm", "expected the next slice 3 mm on", "got a gap of 6 mm", "2.dcm"),
    ),
    BadInput(
        "ct-slice-twice",
        ct(lambda paths: shutil.copy(paths[1], paths[1].with_name("copy.dcm")) and None),
        VOLUME,
        ("position", "expected one slice", "got 1.dcm and copy.dcm", "ct-slice-twice/copy.dcm"),
    ),
    BadInput(
        "ct-two-series",
        ct(header(4, SeriesInstanceUID="1.2.3")),
        VOLUME,
        ("ct-two-series/4.dcm", "expected one series", "'series'", "(5 slices), 1.2.3 (1 slice"),
    ),
    BadInput(
        "ct-no-such-series",
        ct(),
        VOLUME + '\nseries = "9.8.7"',
        ("ct-no-such-series", "expected slices of 9.8.7", "(6 slices)"),
    ),
    BadInput(
        "ct-two-sizes",
        ct(half_as_high(5)),
        VOLUME,
        ("ct-two-sizes/5.dcm", "size", "16", "as in 0.dcm", "got", "8"),
    ),
    BadInput(
        "ct-truncated",
        ct(lambda paths: cut("1.dcm", 0.8)(paths[0].parent)),
        VOLUME,
        ("ct-truncated/1.dcm", "expected a whole DICOM slice of at least", "cut short"),
    ),
    BadInput(
        "ct-not-dicom",
        ct(lambda paths: file("3.dcm", "no slice\n")(paths[0].parent)),
        VOLUME,
        ("ct-not-dicom/3.dcm", "expected a DICOM file", "got a file without the DICM mark"),
    ),
    BadInput(
        "ct-compressed",
        ct(compressed(0)),
        VOLUME,
        ("ct-compressed/0.dcm", "expected a", "JPEG 2000"),
    ),
    BadInput(
        "ct-colour",
        ct(header(2, SamplesPerPixel=3)),
        VOLUME,
        ("ct-colour/2.dcm", "expected one frame with one value for each pixel", "3 values"),
    ),
    BadInput(
        "ct-no-slope",
        ct(header(2, RescaleSlope=None)),
        VOLUME,
        ("ct-no-slope/2.dcm", "expected a CT slice", "got no RescaleSlope"),
    ),
    BadInput(
        "ct-no-dcm",
        file("readme.txt", "moved\n"),
        VOLUME,
        ("(ct-no-dcm)", "expected at least one file that matches '*.dcm'", "got none"),
    ),
    BadInput(
        "ct-one-spacing",
        ct(header(3, PixelSpacing=[1.5])),
        VOLUME,
        ("ct-one-spacing/", "PixelSpacing", "expected"),
    ),
    BadInput(
        "ct-directions-parallel",
        ct(header(3, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])),
        VOLUME,
        ("ct-directions-parallel/", "ImageOrientationPatient", "expected", "got"),
    ),
    BadInput(
        "ct-slope-nan",
        ct(raw_slope(1, b"nan ")),
        VOLUME,
        ("ct-slope-nan/1.dcm", "RescaleSlope", "expected"),
    ),
    BadInput(
        "ct-multi-frame",
        ct(header(2, NumberOfFrames=12)),
        VOLUME,
        ("ct-multi-frame/2.dcm", "expected one frame", "got 12 frames", "multi-frame"),
    ),
    BadInput(
        "ct-no-sign",
        ct(header(2, PixelRepresentation=None)),
        VOLUME,
        ("ct-no-sign/2.dcm", "expected a CT slice", "got no PixelRepresentation"),
    ),
    BadInput(
        "ct-thickness-zero",
        ct(header(2, SliceThickness=0)),
        VOLUME,
        ("ct-thickness-zero/2.dcm", "SliceThickness", "expected", "positive", "got 0"),
    ),
    BadInput(
        "ct-palette",
        ct(header(2, PhotometricInterpretation="PALETTE COLOR")),
        VOLUME,
        ("ct-palette/2.dcm", "expected gray pixels", "got 'PALETTE COLOR'"),
    ),
    BadInput(
        "ct-two-frames-of-reference",
        ct(header(4, FrameOfReferenceUID="1.2.3")),
        VOLUME,
        ("ct-two-frames-of-reference/4.dcm", "frame of reference", "expected", "got 1.2.3"),
    ),
    BadInput(
        "ct-two-modalities",
        ct(header(4, Modality="PT", Units="HU")),
        VOLUME,
        ("ct-two-modalities/4.dcm", "modality: expected CT as in 0.dcm", "got PT"),
    ),
    BadInput(
        "ct-two-units",
        ct(header(4, RescaleType="OD")),
        VOLUME,
        ("ct-two-units/4.dcm", "unit: expected Hounsfield units as in 0.dcm", "got OD"),
    ),
    BadInput(
        "ct-too-large",
        ct(header(4, Rows=60000, Columns=60000)),
        VOLUME,
        ("ct-too-large/4.dcm", "max_bytes", "60000 x 60000 pixels"),
    ),
    BadInput(
        "ct-slice-aside",
        ct(moved(2, 40.0)),
        VOLUME,
        ("ct-slice-aside/2.dcm", "expected"),
    ),
)
