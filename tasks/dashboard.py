"""Tables and pictures for the dashboard, each under a stable key, so that each has its history.

Keys begin with the name of the catalog: two catalogs on one server have histories of their own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from prefect import get_run_logger, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import TaskRunContext

from ptm import store
from ptm.errors import PtmError
from ptm.explain import UNCHANGED, explain, shown
from ptm.model import QUARANTINE, ArtifactRef
from ptm.names import catalog_key, dashboard_key
from ptm.registry import Kind, kind_of
from ptm.source import Source
from ptm.views import Drawn, views_of
from tasks.outcome import UNCACHED, Outcome

MOST_SHOWN = 20  # entries with pictures: nobody looks at more on one page
MOST_ROWS = 1000  # of a table
DIGITS = 7  # of a digest
LETTERS, FEWEST_LETTERS = 84, 40  # of the name and the fault, on a page of 1280 pixels


class Kinds:
    """The kinds of entries by their names, as an argument into which Prefect does not look."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.of: dict[str, Kind] = {source.name: kind_of(source) for source in sources}


@task(
    name="report",
    task_run_name="report",
    description="Writes the tables and pictures of a run for the dashboard.",
    **UNCACHED,
)
def report(outcome: Outcome, artifacts: str, catalog: str, kinds: Kinds) -> None:
    """Writes what the run came to: failures, sources, what changed, tables and pictures of each.

    Args:
        outcome: what came of each entry.
        artifacts: the store.
        catalog: the name of the catalog.
        kinds: of what was made.
    """
    prefix = catalog_key(catalog)
    tables = [_failures(outcome)] if failure_rows(outcome) else []
    tables += [_sources(outcome), _changed(outcome, artifacts)]
    with get_client(sync_client=True) as client:  # one for all: each new one takes its time
        for view in tables:
            _show(client, f"{prefix}-{view.name}", view)
        shown = [
            (ref, view)
            for ref in list(outcome.made.values())[:MOST_SHOWN]
            for view in views_of(Path(artifacts), ref.name, ref.publication, kinds.of[ref.name])
        ]
        keys = view_keys([(ref.name, view.name) for ref, view in shown])
        for key, (ref, view) in zip(keys, shown, strict=True):
            of = f" From {ref.name}, publication {ref.publication}."
            _show(client, f"{prefix}-{key}", view, of)
    get_run_logger().info("reported %d entries", len(outcome.made))


def _failures(outcome: Outcome) -> Drawn:
    return _table(
        "failures",
        "What was not made, and why: a row for each fault. All else of the run was completed.",
        failure_rows(outcome),
    )


def _sources(outcome: Outcome) -> Drawn:
    return _table(
        "sources",
        "Each tensor of the run, and what has tables alone. MB (10^6 bytes) and seconds are those "
        "of a whole artifact; digest is how the SHA-256 of the tensor's file begins, in which "
        "there may be several; of many parts, that of the digests of their files. Where there is "
        "any, quarantine is the number of samples that could not be read.",
        source_rows(outcome),
    )


def _changed(outcome: Outcome, artifacts: str) -> Drawn:
    return _table(
        "changes",
        "What changed since the run before, and so was made again: bytes of a file, an option, the "
        "code, a version of a package; new: there was none before.",
        change_rows(outcome, artifacts),
    )


def _table(key: str, sentence: str, rows: list[dict[str, Any]]) -> Drawn:
    if len(rows) > MOST_ROWS:
        sentence += f" The first {MOST_ROWS} of {len(rows)} rows."
    return Drawn(key, sentence, rows=rows[:MOST_ROWS])


def failure_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row for each fault of what was not made: of several in one message, each line.

    The dashboard wraps no cell, so what is too long for a narrow page goes on in rows below, which
    have no state.
    """
    unmade = _unmade(outcome)
    longest = max((len(name) for reasons in unmade.values() for name in reasons), default=0)
    width = max(LETTERS - longest, FEWEST_LETTERS)
    return [
        {"source": name, "state": "" if number else state, "what": piece}
        for state, reasons in unmade.items()
        for name, reason in reasons.items()
        for line in reason.removeprefix(f"{name}: ").splitlines() or [""]
        for number, piece in enumerate(_wrapped(line.strip(), width))
    ]


def _wrapped(line: str, width: int) -> list[str]:
    """Pieces of a line, cut between words only."""
    return wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]


def _unmade(outcome: Outcome) -> dict[str, dict[str, str]]:
    return {"failed": outcome.failed, "skipped": outcome.skipped, "cancelled": outcome.cancelled}


def source_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row for each tensor; one for each source without any, or that was not made.

    All have the same columns: the dashboard shows those of the first row only. What matters comes
    first: of a narrow page the right is out of sight.
    """
    aside = [QUARANTINE] if any(ref.bad for ref in outcome.made.values()) else []
    blank = dict.fromkeys((*aside, "tensor", "shape", "dtype", "MB", "seconds", "digest"), "")
    rows: list[dict[str, Any]] = [
        {"state": state, "source": name, **blank}
        for state, reasons in _unmade(outcome).items()
        for name in reasons
    ]
    for name, ref in outcome.made.items():
        made: dict[str, Any] = {"state": "cached" if ref.cached else "made", "source": name}
        made |= {**blank, "MB": _megabytes(ref.bytes), "seconds": round(ref.seconds, 3)}
        made |= dict.fromkeys(aside, ref.bad)
        of_parts = _of_parts(ref)
        rows += [made | _tensor_cells(ref, tensor, of_parts) for tensor in ref.tensors] or [made]
    return rows


def _tensor_cells(ref: ArtifactRef, tensor: str, of_parts: str) -> dict[str, str]:
    entry = ref.tensors[tensor]
    file = entry["file"]
    digest = of_parts if file is None else ref.digests.get(file, "")
    return {
        "tensor": tensor,
        "shape": "x".join(map(str, entry["shape"])),
        "dtype": entry["dtype"],
        "digest": digest[:DIGITS],
    }


def _of_parts(ref: ArtifactRef) -> str:
    """The digest of the tensors of all parts, in their order; "" where there are none.

    The manifest has it: equal parts are one file, which the reference has once.
    """
    if all(entry["file"] is not None for entry in ref.tensors.values()):
        return ""
    try:
        manifest = json.loads((Path(ref.path) / store.MANIFEST).read_bytes())
    except (OSError, ValueError):  # it was collected meanwhile, or damaged
        return ""
    if len(manifest["parts"]) == 1:
        digest: str = manifest["parts"][0]["files"]["tensors"][1]
        return digest
    return store.digests(manifest)["tensors"]


def _megabytes(size: int) -> float:
    """With as few digits as tell sizes apart, for a narrow column."""
    megabytes = size / 1e6
    return float(f"{megabytes:.{3 if megabytes >= 0.1 else 1}g}")


def change_rows(outcome: Outcome, artifacts: str) -> list[dict[str, Any]]:
    """One row for each thing that changed; one for each source where nothing did."""
    rows: list[dict[str, Any]] = []
    for name, ref in outcome.made.items():
        if ref.cached and not ref.why:
            rows.append({"source": name, "what": "nothing", "before": "", "after": ""})
        elif ref.why == "new":
            rows.append({"source": name, "what": "new", "before": "", "after": ""})
        else:
            rows += _changes(name, ref, artifacts)
    return rows


def _changes(name: str, ref: ArtifactRef, artifacts: str) -> list[dict[str, Any]]:
    try:
        changed = [c for c in explain(name, artifacts).causes if c.state != UNCHANGED]
    except PtmError:  # another run may have made it current again meanwhile
        changed = []
    if not changed:
        return [{"source": name, "what": ref.why, "before": "", "after": ""}]
    return [
        {
            "source": name,
            "what": f"{cause.kind} {cause.name} {cause.state}",
            "before": "" if cause.before is None else shown(cause.before),
            "after": "" if cause.after is None else shown(cause.after),
        }
        for cause in changed
    ]


def view_keys(views: Sequence[tuple[str, str]]) -> list[str]:
    """The keys of views, given as (entry, view), in a-z, 0-9 and '-': no two alike.

    One that would read as another's before it ends with the beginning of a digest.
    """
    plain = [f"{dashboard_key(entry)}-{view}" for entry, view in views]
    return [
        key if plain.index(key) == number else f"{key}-{_digest(*views[number])}"
        for number, key in enumerate(plain)
    ]


def _digest(entry: str, view: str) -> str:
    return hashlib.sha256(f"{entry} {view}".encode()).hexdigest()[:DIGITS]


def _show(client: SyncPrefectClient, key: str, view: Drawn, of: str = "") -> None:
    context = TaskRunContext.get()
    assert context
    table = view.rows is not None
    client.create_artifact(
        ArtifactCreate(
            key=key,
            type="table" if table else "markdown",
            description=view.sentence + of,
            data=json.dumps(view.rows, allow_nan=False) if table else _markdown(view),
            # of the run, not of this task: beside its bar each would lengthen the graph of the run
            flow_run_id=context.task_run.flow_run_id,
        )
    )


def _markdown(view: Drawn) -> str:
    png = base64.b64encode(view.picture).decode()
    return f"# {view.title}\n\n![{view.title}](data:image/png;base64,{png})\n"
