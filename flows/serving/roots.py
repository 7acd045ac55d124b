"""Where a served catalog is with its data and artifacts, and below which folders runs may stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptm.catalog import data_root


@dataclass(frozen=True)
class Places:
    """Where a catalog, its data and its artifacts are; absolute.

    Attributes:
        catalog: the TOML file.
        data: the data root.
        artifacts: the store.
        roots: folders below which runs may name others; their own where there are none.
    """

    catalog: Path
    data: Path
    artifacts: Path
    roots: tuple[Path, ...] = ()

    @classmethod
    def resolved(
        cls, catalog: Path, data: Path | None, artifacts: Path, roots: tuple[Path, ...] = ()
    ) -> Places:
        """The same, absolute and without links; the data root that of the catalog if none."""
        data = data_root(catalog, data)
        own = (catalog.parent, data, artifacts)
        return cls(
            catalog.resolve(),
            data.resolve(),
            artifacts.resolve(),
            tuple(dict.fromkeys(root.resolve() for root in roots or own)),
        )

    def parameters(self) -> dict[str, str]:
        """As parameters of a flow."""
        return {name: str(getattr(self, name)) for name in ("catalog", "data", "artifacts")}

    def outside(self, parameters: Mapping[str, Any]) -> Iterator[str]:
        """What of a run's parameters lies below none of the roots, in words."""
        for name in self.parameters():
            given = parameters.get(name)
            if isinstance(given, str) and not any(
                Path(given).resolve().is_relative_to(root) for root in self.roots
            ):
                below = " or ".join(map(str, self.roots))
                yield f"{name}: expected a path below {below}, got '{given}'"
