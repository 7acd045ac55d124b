"""The names of the runners, which the command knows before Prefect is loaded."""

from __future__ import annotations

from ptm.errors import PtmError

CLUSTERS = ("dask", "ray")
RUNNERS = ("threads", "processes", *CLUSTERS)


def split(wanted: str) -> tuple[str, str]:
    """The name of a runner, and the address of a cluster that runs already; "" where none is given.

    Args:
        wanted: one of RUNNERS, or one of CLUSTERS with an address, as "dask=tcp://127.0.0.1:8786".

    Raises:
        PtmError: there is none of that name, or it takes no address.
    """
    name, given, address = wanted.partition("=")
    if name not in RUNNERS or (given and not (address and name in CLUSTERS)):
        addressed = ", ".join(f"{cluster}=ADDRESS" for cluster in CLUSTERS)
        raise PtmError(f"expected one of {', '.join(RUNNERS)} (or {addressed}), got '{wanted}'")
    return name, address
