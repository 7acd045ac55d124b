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
    from ptm.catalog import Source as Source
    from ptm.catalog import load_catalog as load_catalog
    from ptm.content import Artifact as Artifact
    from ptm.content import ArtifactRef as ArtifactRef
    from ptm.errors import PtmError as PtmError
    from ptm.prepare import analyze as analyze
    from ptm.prepare import tensorize as tensorize
    from ptm.scaling import Moments as Moments
    from ptm.scaling import Scaler as Scaler
    from ptm.store import load as load

    __version__: str

_HOME = {
    "Source": "ptm.catalog",
    "load_catalog": "ptm.catalog",
    "Artifact": "ptm.content",
    "ArtifactRef": "ptm.content",
    "PtmError": "ptm.errors",
    "analyze": "ptm.prepare",
    "tensorize": "ptm.prepare",
    "Moments": "ptm.scaling",
    "Scaler": "ptm.scaling",
    "load": "ptm.store",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    # `import ptm` stays cheap: each name is imported when it is first used (PEP 562)
    if name == "__version__":
        from importlib.metadata import version

        return version("ptm")
    if name not in _HOME:
        raise AttributeError(f"module 'ptm' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
