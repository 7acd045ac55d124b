"""The flow that takes old artifacts away, on the schedule of `ptm serve --gc`."""

from __future__ import annotations

from pathlib import Path

from prefect import get_run_logger
from prefect.artifacts import create_table_artifact

from flows.running.served import served_flow
from ptm import store
from ptm.catalog import catalog_name
from ptm.names import catalog_key
from ptm.shown import readable_size


@served_flow(description="Takes away artifacts that are old, damaged or left by a killed run.")
def gc(
    catalog: Path = Path("data/catalog.toml"),
    data: Path = Path("data"),
    artifacts: Path = Path("artifacts"),
    keep: int = store.KEEP,
) -> str:
    """Takes away what `ptm gc` would: what is current stays, and what it was made of.

    Args:
        catalog: The TOML file of the catalog whose name the dashboard's tables have.
        data: The folder that the paths in the catalog are relative to; nothing of it is read.
        artifacts: The folder of the store.
        keep: How many of the last of each name stay.
    """
    found = store.gc(artifacts, keep)
    rows = [thing._asdict() for thing in found]
    gone = [thing.bytes for thing in found if not thing.stays]
    said = f"took away {len(gone)} things, {readable_size(sum(gone))}"
    get_run_logger().info(said)
    if rows:
        key = f"{catalog_key(catalog_name(catalog))}-collected"
        create_table_artifact(rows, key=key, description="What the store was rid of, and why.")
    return said
