"""A new catalog as a file: whole or not at all, and never in place of another."""

from __future__ import annotations

import os
from pathlib import Path

from ptm.errors import CatalogError
from ptm.schema import schema_file, schema_text


def write(text: str, catalog: Path) -> None:
    """Writes a catalog that is not there yet, whole or not at all, and the schema for editors.

    Raises:
        CatalogError: there is one, or something else; it stays as it is.
        OSError: it cannot be written.
    """
    catalog.parent.mkdir(parents=True, exist_ok=True)
    whole = catalog.with_name(f".{catalog.name}-{os.getpid()}")
    try:
        whole.write_text(text, encoding="utf-8")
        os.link(whole, catalog)  # which, other than renaming, replaces nothing
    except FileExistsError as error:
        raise is_there(catalog) from error
    finally:
        whole.unlink(missing_ok=True)
    schema_file(catalog).write_text(schema_text(), encoding="utf-8")


def is_there(catalog: Path) -> CatalogError:
    """That a catalog is there, which is not written over."""
    return CatalogError(
        f"expected a new catalog, got one that is there: {catalog} stays as it is; another name: "
        "--catalog FILE"
    )
