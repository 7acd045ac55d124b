"""What the children of the fault tests have in memory when they are forked.

Imports take longer than the work itself.
"""

from __future__ import annotations

import gc

import pandas
import pyarrow.csv
import pyarrow.dataset
import pyarrow.pandas_compat
import pyarrow.parquet
import pyarrow.vendored.version
import torch
import torch.utils.serialization.config

import tests.faults.work

__all__ = ["pandas", "pyarrow", "tests", "torch"]

gc.freeze()  # or each child would copy what it looks through
