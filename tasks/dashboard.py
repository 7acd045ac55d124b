"""Tables and pictures for the dashboard, each under a stable key, so that each has its history.

Keys begin with the name of the catalog: two catalogs on one server have histories of their own.
"""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import wrap
from typing import Any

from prefect import get_run_logger, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import TaskRunContext

from ptm.content import ArtifactRef
from ptm.errors import PtmError
from ptm.exhibits import Exhibit, exhibits
from ptm.explain import UNCHANGED, explain, shown
from ptm.names import catalog_key
from tasks.states import Outcome

MOST_SHOWN = 20  # sources and analyses with pictures: nobody looks at more on one page
MOST_ROWS = 1000  # of a table
DIGITS = 7  # of a digest
LETTERS, FEWEST_LETTERS = 84, 40  # of the name and the fault, on a page of 1280 pixels


@task(
    name="report",
    task_run_name="report",
    description="Writes the tables and pictures of a run for the dashboard.",
)
def report(outcome: Outcome, artifacts: str, catalog: str) -> None:
    """Writes what the run came to: failures, sources, what changed, tables and pictures of each.

    Args:
        outcome: what came of each source and analysis.
        artifacts: the store.
        catalog: the name of the catalog.
    """
    prefix = catalog_key(catalog)
    tables = [_failures(outcome)] if failure_rows(outcome) else []
    tables += [_sources(outcome), _changed(outcome, artifacts)]
    with get_client(sync_client=True) as client:  # one for all: each new one takes its time
        for exhibit in tables:
            _show(client, prefix, exhibit)
        count = 0
        for ref in outcome.made.values():
            found = exhibits(ref, artifacts) if count < MOST_SHOWN else []
            count += bool(found)
            for exhibit in found:
                of = f" From {ref.name}, publication {Path(ref.path).name}."
                _show(client, prefix, exhibit, of)
    get_run_logger().info("reported %d sources and analyses", len(outcome.made))


def _failures(outcome: Outcome) -> Exhibit:
    return _table(
        "failures",
        "What was not made, and why: a row for each fault. All else of the run was completed.",
        failure_rows(outcome),
    )


def _sources(outcome: Outcome) -> Exhibit:
    return _table(
        "sources",
        "Each tensor of the run. MB (10^6 bytes) and seconds are those of its whole artifact; "
        "digest is how the SHA-256 of its file begins, in which there may be several.",
        source_rows(outcome),
    )


def _changed(outcome: Outcome, artifacts: str) -> Exhibit:
    return _table(
        "changes",
        "What changed since the run before, and so was made again: bytes of a file, an option, the "
        "code, a version of a package; new: there was none before.",
        change_rows(outcome, artifacts),
    )


def _table(key: str, sentence: str, rows: list[dict[str, Any]]) -> Exhibit:
    if len(rows) > MOST_ROWS:
        sentence += f" The first {MOST_ROWS} of {len(rows)} rows."
    return Exhibit(key, sentence, rows[:MOST_ROWS])


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
    """One row for each tensor; one for each source that failed, was skipped or cancelled.

    All have the same columns: the dashboard shows those of the first row only. What matters comes
    first: of a narrow page the right is out of sight.
    """
    blank = dict.fromkeys(("tensor", "shape", "dtype", "MB", "seconds", "digest"), "")
    rows: list[dict[str, Any]] = [
        {"state": state, "source": name, **blank}
        for state, reasons in _unmade(outcome).items()
        for name in reasons
    ]
    for name, ref in outcome.made.items():
        for tensor, entry in ref.tensors.items():
            rows.append(
                {
                    "state": "cached" if ref.cached else "made",
                    "source": name,
                    "tensor": tensor,
                    "shape": "x".join(map(str, entry["shape"])),
                    "dtype": entry["dtype"],
                    "MB": _megabytes(ref.bytes),
                    "seconds": round(ref.seconds, 3),
                    "digest": ref.digests.get(entry["file"], "")[:DIGITS],
                }
            )
    return rows


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


def _show(client: SyncPrefectClient, prefix: str, exhibit: Exhibit, of: str = "") -> None:
    context = TaskRunContext.get()
    assert context
    table = exhibit.rows is not None
    client.create_artifact(
        ArtifactCreate(
            key=f"{prefix}-{exhibit.key}",
            type="table" if table else "markdown",
            description=exhibit.sentence + of,
            data=json.dumps(exhibit.rows, allow_nan=False) if table else _markdown(exhibit),
            task_run_id=context.task_run.id,
            flow_run_id=context.task_run.flow_run_id,
        )
    )


def _markdown(exhibit: Exhibit) -> str:
    picture = f"![{exhibit.title}](data:image/png;base64,{exhibit.png})"
    return f"# {exhibit.title}\n\n{picture}\n"
