"""ptm: raw data of many kinds into verified, reproducible, training-ready tensors.

import ptm
catalog = ptm.load_catalog("data/catalog.toml", data="data")
ref = ptm.tensorize(catalog["wine"], artifacts="artifacts")
wine = ptm.load("wine", artifacts="artifacts")
wine.tensors["features"], wine.table, wine.scaler, wine.manifest
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptm.catalog import load_catalog as load_catalog
    from ptm.errors import BadInput as BadInput
    from ptm.errors import PtmError as PtmError
    from ptm.learned import Learned as Learned
    from ptm.model import Artifact as Artifact
    from ptm.model import ArtifactRef as ArtifactRef
    from ptm.model import Bad as Bad
    from ptm.model import Block as Block
    from ptm.model import File as File
    from ptm.model import Part as Part
    from ptm.model import View as View
    from ptm.prepare import tensorize as tensorize
    from ptm.scaling import Scaler as Scaler
    from ptm.scaling import Scaling as Scaling
    from ptm.source import Source as Source
    from ptm.stats import Moments as Moments
    from ptm.stats import Stats as Stats
    from ptm.views import load as load

    __version__: str

HOME = {
    "load_catalog": "ptm.catalog",
    "BadInput": "ptm.errors",
    "PtmError": "ptm.errors",
    "Learned": "ptm.learned",
    "Artifact": "ptm.model",
    "ArtifactRef": "ptm.model",
    "Bad": "ptm.model",
    "Block": "ptm.model",
    "File": "ptm.model",
    "Part": "ptm.model",
    "Scaling": "ptm.scaling",
    "View": "ptm.model",
    "tensorize": "ptm.prepare",
    "Scaler": "ptm.scaling",
    "Source": "ptm.source",
    "Moments": "ptm.stats",
    "Stats": "ptm.stats",
    "load": "ptm.views",
}
__all__ = sorted(HOME)


def __getattr__(name: str) -> Any:
    # `import ptm` stays cheap: each name is imported when it is first used (PEP 562)
    if name == "__version__":
        from importlib.metadata import version

        return version("ptm")
    if name not in HOME:
        raise AttributeError(f"module 'ptm' has no attribute '{name}'")
    return getattr(import_module(HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
