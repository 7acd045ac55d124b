"""What the children of the fault tests have in memory when they are forked.

Imports, and what `ptm.key` finds in the source of the kinds: both take longer than the work itself.
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
from ptm.key import code_of, package_versions
from ptm.registry import kind_named

__all__ = ["PIL", "imageio", "pandas", "pyarrow", "pydicom", "tests", "torch"]

for kind in ("images", "table", "text", "volume", "threshold"):
    package_versions(code_of(kind_named(kind)).packages)
gc.freeze()  # or each child would copy what it looks through
