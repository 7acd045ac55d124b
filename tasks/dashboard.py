"""Tables and pictures for the dashboard, each under a stable key, so that each has its history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import TaskRunContext

from ptm.content import ArtifactRef
from ptm.errors import PtmError
from ptm.exhibits import Exhibit, exhibits
from ptm.explain import UNCHANGED, explain, shown
from tasks.states import Outcome

MOST_SHOWN = 20  # sources and analyses with pictures: nobody looks at more on one page
MOST_ROWS = 1000  # of a table
DIGITS = 7  # of a digest


@task(
    name="report",
    task_run_name="report",
    description="Writes the tables and pictures of a run for the dashboard.",
)
def report(outcome: Outcome, artifacts: str) -> None:
    """Writes what the run came to: sources, what changed, and tables and pictures of each."""
    with get_client(sync_client=True) as client:  # one for all: each new one takes its time
        for exhibit in (_sources(outcome), _changed(outcome, artifacts)):
            _show(client, exhibit)
        count = 0
        for ref in outcome.made.values():
            found = exhibits(ref, artifacts) if count < MOST_SHOWN else []
            count += bool(found)
            for exhibit in found:
                _show(client, exhibit, f" From {ref.name}, publication {Path(ref.path).name}.")
    get_run_logger().info("reported %d sources and analyses", len(outcome.made))


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


def source_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row for each tensor; one for each source that failed, was skipped or cancelled.

    All have the same columns: the dashboard shows those of the first row only.
    """
    unmade = {"failed": outcome.failed, "skipped": outcome.skipped, "cancelled": outcome.cancelled}
    reasons = [(state, name, text) for state, all_ in unmade.items() for name, text in all_.items()]
    rows: list[dict[str, Any]] = []
    for name, ref in outcome.made.items():
        for tensor, entry in ref.tensors.items():
            rows.append(
                {
                    "source": name,
                    "state": "cached" if ref.cached else "made",
                    **({"reason": ""} if reasons else {}),
                    "tensor": tensor,
                    "shape": " x ".join(map(str, entry["shape"])),
                    "dtype": entry["dtype"],
                    "MB": float(f"{ref.bytes / 1e6:.3g}"),
                    "seconds": round(ref.seconds, 3),
                    "digest": ref.digests.get(entry["file"], "")[:DIGITS],
                }
            )
    blank = dict.fromkeys(("tensor", "shape", "dtype", "MB", "seconds", "digest"), "")
    for state, name, text in reasons:
        rows.append({"source": name, "state": state, "reason": text, **blank})
    return rows


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


def _show(client: SyncPrefectClient, exhibit: Exhibit, of: str = "") -> None:
    context = TaskRunContext.get()
    assert context
    table = exhibit.rows is not None
    client.create_artifact(
        ArtifactCreate(
            key=exhibit.key,
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
