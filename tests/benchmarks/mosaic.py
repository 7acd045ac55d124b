"""MDSWriter of MosaicML's streaming, loaded past its readers of pictures.

These want torchvision, whose wheel does not load beside the build of torch without CUDA.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import types

_spec = importlib.util.find_spec("streaming")
assert _spec and _spec.submodule_search_locations
_package = types.ModuleType("streaming")
_package.__path__ = list(_spec.submodule_search_locations)
sys.modules["streaming"] = _package

from streaming.base.format import reader_from_json  # noqa: E402
from streaming.base.format.mds.writer import MDSWriter  # noqa: E402
from streaming.base.util import merge_index  # noqa: E402

logging.disable(logging.WARNING)  # it warns of what the folder of its index is called

__all__ = ["MDSWriter", "merge_index", "reader_from_json"]
