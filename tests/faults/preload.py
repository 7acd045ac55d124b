"""What the children of the fault tests have in memory when they are forked.

Imports, and what `ptm.key` finds in the source of the rooms: both take longer than the work itself.
"""

from __future__ import annotations

import gc

import imageio.plugins.pillow
import imageio.v3
import pandas
import PIL.BmpImagePlugin
import PIL.JpegImagePlugin
import PIL.PngImagePlugin
import PIL.PpmImagePlugin
import pyarrow.csv
import pyarrow.dataset
import pyarrow.pandas_compat
import pyarrow.parquet
import pyarrow.vendored.version
import pydicom.pixels
import torch
import torch.utils.serialization.config

import tests.faults.work
from ptm.analyses import thresholds
from ptm.key import code_of, package_versions
from ptm.kinds import images, tables, text, volumes

__all__ = ["PIL", "imageio", "pandas", "pyarrow", "pydicom", "tests", "torch"]

for room in (images, tables, text, volumes, thresholds):
    code_of(room.__name__)
    package_versions(room.PACKAGES)
gc.freeze()  # or each child would copy what it looks through
