"""Tables and pictures for the dashboard, each under a stable key, so that each has its history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from ptm.content import ArtifactRef
from ptm.errors import PtmError
from ptm.exhibits import Exhibit, exhibits
from ptm.explain import UNCHANGED, explain, shown
from tasks.states import Outcome

MOST_SHOWN = 20  # sources and analyses with pictures: nobody looks at more on one page
MOST_ROWS = 1000  # of a table
DIGITS = 12  # of a digest


@task(
    name="report",
    task_run_name="report",
    description="Writes the tables and pictures of a run for the dashboard.",
)
def report(outcome: Outcome, artifacts: str) -> None:
    """Writes what the run came to: sources, what changed, and tables and pictures of each."""
    create_table_artifact(
        key="sources",
        table=source_rows(outcome)[:MOST_ROWS],
        description="Each tensor of the run. MB (10^6 bytes) and seconds are those of its whole "
        f"artifact; digest is how the SHA-256 of its file begins.{_first(outcome)}",
    )
    create_table_artifact(
        key="changes",
        table=change_rows(outcome, artifacts)[:MOST_ROWS],
        description="What changed since the run before, and so was made again: bytes of a file, an "
        f"option, the code, a version of a package.{_first(outcome)}",
    )
    count = 0
    for ref in outcome.made.values():
        found = exhibits(ref, artifacts) if count < MOST_SHOWN else []
        count += bool(found)
        for exhibit in found:
            _show(exhibit, ref)
    get_run_logger().info("reported %d sources and analyses", len(outcome.made))


def source_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row for each tensor; one for each source that failed or was skipped."""
    rows: list[dict[str, Any]] = []
    for state, reasons in (
        ("failed", outcome.failed),
        ("skipped", outcome.skipped),
        ("cancelled", outcome.cancelled),
    ):
        rows += [{"source": name, "state": state, "reason": r} for name, r in reasons.items()]
    for name, ref in outcome.made.items():
        for tensor, entry in ref.tensors.items():
            rows.append(
                {
                    "source": name,
                    "state": "cached" if ref.cached else "made",
                    "tensor": tensor,
                    "shape": " x ".join(map(str, entry["shape"])),
                    "dtype": entry["dtype"],
                    "MB": float(f"{ref.bytes / 1e6:.3g}"),
                    "seconds": round(ref.seconds, 3),
                    "digest": ref.digests.get(entry["file"], "")[:DIGITS],
                }
            )
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


def _show(exhibit: Exhibit, ref: ArtifactRef) -> None:
    of = f" (of {ref.name}, publication {Path(ref.path).name})"
    if exhibit.rows is not None:
        create_table_artifact(
            key=exhibit.key, table=exhibit.rows, description=exhibit.sentence + of
        )
        return
    create_markdown_artifact(
        key=exhibit.key,
        markdown=f"# {exhibit.title}\n\n{exhibit.sentence}\n\n"
        f"![{exhibit.title}](data:image/png;base64,{exhibit.png})\n",
        description=exhibit.sentence + of,
    )


def _first(outcome: Outcome) -> str:
    total = sum(len(ref.tensors) for ref in outcome.made.values()) + len(outcome.failed)
    return f" The first {MOST_ROWS} of about {total} rows." if total > MOST_ROWS else ""
