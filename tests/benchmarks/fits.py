"""The fits beside the notebook's: the same epochs, ours with the history of each epoch kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NAMES = {"manual_scaled": "fit_by_hand", "sgd": "fit_sgd", "adam": "fit_adam"}


def pairs(
    notebook: dict[str, Any] | None,
) -> list[tuple[str, Callable[[], object], Callable[[], object] | None]]:
    """For each fit that the notebook times: its name, our run of it and the notebook's."""
    import torch

    from ptm.book import CATALOG
    from ptm.catalog import load_catalog
    from ptm.kinds.fits.descent import Data, run

    options: Any = load_catalog(CATALOG)["temperature_fits"]
    t_u = torch.tensor([35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4])
    t_c = torch.tensor([0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0])
    rows = []
    for fit in options.fits:
        if fit.name not in NAMES:
            continue
        data = Data(options.input_scale * t_u if fit.scaled else t_u, t_c)

        def ours(fit: Any = fit, data: Data = data) -> object:
            return run(fit, data, (options.w, options.b), options.delta)

        theirs = _theirs(notebook, fit, data) if notebook else None
        rows.append((f"{fit.name}, {fit.epochs} epochs", ours, theirs))
    return rows


def _theirs(notebook: dict[str, Any], fit: Any, data: Any) -> Callable[[], object]:
    import torch

    if fit.optimizer is None:
        return lambda: notebook["fit_by_hand"](fit.epochs, fit.learning_rate, data.x)
    optimizer = getattr(torch.optim, fit.optimizer)
    return lambda: notebook["fit"](fit.epochs, fit.learning_rate, data.x, optimizer)
