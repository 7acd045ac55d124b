"""What was measured, as tables of 80 columns, and below each what its sides do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from tests.benchmarks.inputs import scale
from tests.benchmarks.turns import Took

WIDTH = 80
console = Console(highlight=False, width=WIDTH)


@dataclass(frozen=True)
class Pair:
    """A line of a table: two sides, and what their ratio is to be at most.

    Attributes:
        name: of it.
        ours, theirs: what each took; None where there is nothing beside it.
        most: the goal; None for none.
    """

    name: str
    ours: Took
    theirs: Took | None = None
    most: float | None = None


def pairs(title: str, columns: Sequence[str], lines: Sequence[Pair | None], says: str) -> None:
    """Prints pairs with their ratios.

    Args:
        title: of the table.
        columns: what the two sides are called.
        lines: the pairs; None for a rule between them.
        says: what each side does.
    """
    wide = max(line.ours.seconds for line in lines if line) >= 10
    unit, factor = ("s", 1.0) if wide else ("ms", 1e3)
    table = _table(title, *(part for c in columns for part in (f"{c} {unit}", "CPU")), "ratio")
    table.add_column("goal")
    for line in lines:
        if line is None:
            table.add_section()
            continue
        cells = []
        for took in (line.ours, line.theirs):
            each = (took.seconds, took.cpu) if took else ()
            cells += [f"{value * factor:.1f}" if value else "" for value in each] or ["", ""]
        ratio = line.ours.seconds / line.theirs.seconds if line.theirs else None
        table.add_row(line.name, *cells, f"{ratio:.2f}" if ratio else "", goal(ratio, line.most))
    console.print(table)
    console.print(Padding(says, (0, 0, 1, 1)))


def values(
    title: str, columns: Sequence[str], lines: Mapping[str, Sequence[str]], says: str
) -> None:
    """Prints lines of cells, the last of which is about a goal where there is a column for it."""
    table = _table(title, *columns)
    for name, cells in lines.items():
        table.add_row(name, *cells)
    console.print(table)
    console.print(Padding(says, (0, 0, 1, 1)))


def goal(value: float | None, most: float | None, unit: str = "") -> str:
    """Whether a goal is met; "" at another size than the full one, which says nothing of it."""
    if value is None or most is None or scale() != 1:
        return ""
    return f"[green]≤ {most:g}{unit}[/]" if value <= most else f"[red]≤ {most:g}{unit} MISSED[/]"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", padding=(0, 1))
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table
