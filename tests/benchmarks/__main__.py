"""`make bench`: ptm beside what it is measured against, as ratios within one run.

Each side runs in a process of its own, warmed up once, in turn with the others, with as many
threads and the same packages loaded; medians of three turns or more. `make bench BENCH="book rows"`
runs some sections only; PTM_BENCH_SCALE=0.01 a hundredth of each size; PTM_BENCH_PEERS=1 installs
what photos are also made with.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import (
    book,
    fits,
    folders,
    loading,
    memory,
    orchestration,
    peers,
    photos,
    rows,
    warm,
)
from tests.benchmarks.inputs import SIDE, scale, scaled
from tests.benchmarks.report import Pair, console, goal, pairs, values
from tests.benchmarks.turns import ROOT, THREADS, Took, in_turn, medians, middle

BOOK_ROUNDS = 7
ROUNDS = 3
GROWTH, MOST = 1.2, 1000.0  # times the memory of the smallest; MB
BUSY = 0.5  # processes that run or wait before anything is measured
left_out: list[str] = []


def main(chosen: list[str]) -> None:
    """Measures what can be measured here, and says what was left out."""
    data = book_data()
    console.print(f"{THREADS} CPUs. CPU: what all processes of a side computed, in the same unit.")
    if (waiting := os.getloadavg()[0]) > BUSY:
        console.print(f"[yellow]not alone here (load {waiting:.1f}): times are of little use[/]")
    if scale() != 1:
        console.print(
            f"[yellow]at {scale():g} of the full sizes: this says nothing of the goals[/]"
        )
    for name in chosen or SECTIONS:
        SECTIONS[name](data)
    for what in dict.fromkeys(left_out):
        console.print(f"[yellow]left out:[/] {what}")


def book_data() -> Path:
    """The book's files; sample data where they cannot be had."""
    from ptm.book import REGISTRY, pull
    from ptm.download import mirror_from_environment, missing

    data = ROOT / "data"
    mirror = mirror_from_environment()
    if mirror:
        pull(data, mirror=mirror)
    if missing(data, REGISTRY):
        from ptm.book.sample import make_sample

        data = Path(tempfile.mkdtemp()) / "sample"
        make_sample(data, scale=8)
        left_out.append("the book's data (ptm data pull): sample data at scale 8 instead")
    return data


def of_book(data: Path) -> None:
    """The six data parts."""
    took = in_turn(book.sides(data), BOOK_ROUNDS)
    if "notebook" not in took:
        left_out.append(f"the notebook's side: {book.NOTEBOOK.name} is not beside the project")
    each = {
        part: {
            side: middle([Took(one.said[part], 0.0, 0.0) for one in turns])
            for side, turns in took.items()
        }
        for part in book.PARTS
    }
    all_of = {side: middle(turns) for side, turns in took.items()}
    beside = all_of.get("notebook")
    lines: list[Pair | None] = [
        Pair(part, sides["unsynced"], sides.get("notebook")) for part, sides in each.items()
    ]
    lines += [
        Pair("six, no fsync", all_of["unsynced"], beside, 0.8),
        Pair("six, fsync", all_of["ptm"], beside),
    ]
    says = (
        "ptm: reads, hashes inputs, makes tensors and tables, writes and hashes them, publishes; "
        "but for the last line without fsync and whatever else waits for the disk. notebook: the "
        "same tensors, in memory only. Peak memory above the imports: "
        + ", ".join(f"{side} {one.peak:.0f} MB" for side, one in all_of.items() if one.peak)
    )
    pairs(f"the book, medians of {BOOK_ROUNDS}", ("ptm", "notebook"), lines, says)


def of_fits(data: Path) -> None:
    """The fits that the notebook times."""
    lines: list[Pair | None] = []
    for number, name in enumerate(fits.names()):
        took = medians(fits.sides(data, number), BOOK_ROUNDS)
        lines.append(Pair(name, took["ptm"], took.get("notebook")))
    says = "ptm: keeps parameters, loss and gradient of each epoch. notebook: the last parameters."
    pairs(f"fits, with their epochs, medians of {BOOK_ROUNDS}", ("ptm", "notebook"), lines, says)


def of_rows(_: Path) -> None:
    """Tables of a million rows and ten."""
    lines: list[Pair | None] = []
    memories = []
    for full in (980_000, 10_000_000):
        count = scaled(full, 1000)
        took = medians(rows.sides(count), ROUNDS)
        lines += [None] if lines else []
        lines += [
            Pair(f"{count:,} rows", took["ptm"], took["polars"], 1.2),
            Pair("… in 2 processes", took["processes"], took["polars"]),
        ]
        memories.append(f"{took['ptm'].peak:.0f} and {took['polars'].peak:.0f} MB")
    says = (
        "Both: hash the CSV, read it, scale 11 columns in float64 to float32, int64 target, "
        "one-hot float32; torch.save, Parquet (snappy), SHA-256 of both, fsync. ptm: part by part, "
        "twice through: raw rows to the disk, then the tensors. polars: all in memory, two files "
        f"side by side, hashed while they are synced. Peak memory: {'; '.join(memories)}."
    )
    pairs(f"tables, medians of {ROUNDS}", ("ptm", "polars"), lines, says)


def of_photos(_: Path) -> None:
    """Photos to float32."""
    count = scaled(10_000, 20)
    took = medians(photos.sides(count), ROUNDS)
    if "mds" not in took:
        left_out.append(peers.LACKING)
    lines: list[Pair | None] = [
        Pair("MDSWriter, 2 proc.", took["processes"], took.get("mds"), 1.0),
        Pair("HF map, 2 proc.", took["processes"], took.get("map"), 1.0),
        Pair("MDSWriter; ptm inline", took["ptm"], took.get("mds")),
        Pair("HF map; ptm inline", took["ptm"], took.get("map")),
    ]
    says = (
        "All: decode, mean and standard deviation of each channel over all photos, float32, "
        "SHA-256 of what is written, fsync. ptm: hashes the inputs, decodes once (simplejpeg) to "
        "uint8 parts on the disk, then scales these. MDSWriter: decodes twice (Pillow), once for "
        "the statistics; each process has shards of its own (ndarray), hashed before they are "
        "written, synced at the end. Hugging Face: two maps, as often decoded; the Arrow files of "
        "the second are hashed and synced at the end. Processes are there before the clock starts."
    )
    title = f"{count:,} JPEGs of {SIDE} px, medians of {ROUNDS}"
    pairs(title, ("ptm", "other"), lines, says)


def of_folders(_: Path) -> None:
    """Class folders and a table with gaps, as people read them."""
    count = scaled(2000, 20)
    took = medians(folders.of_images(count), ROUNDS)
    lines: list[Pair | None] = [
        Pair(name, took["ptm"], took[name], 1.0) for name in took if name != "ptm"
    ]
    written = {
        "ptm": folders.lines(folders.made, folders.PHOTOS),
        "datasets": folders.lines(folders.hugging_face),
        "ImageFolder": folders.lines(folders.image_folder),
    }
    says = (
        "All: uint8 tensors of all samples and int64 classes in files that can be mapped; inputs "
        "and outputs hashed with SHA-256, outputs synced. Hugging Face datasets: imagefolder, and "
        "a map to arrays in two processes. ImageFolder: a reader of class folders as "
        "torchvision's, which needs another build of torch than this one, with torch's DataLoader "
        f"(2 workers) and torch.save. {_written(written)}"
    )
    title = f"{count:,} JPEGs of {SIDE} px in class folders, medians of {ROUNDS}"
    pairs(title, ("ptm", "other"), lines, says)
    count = scaled(200_000, 1000)
    took = medians(folders.of_tables(count), ROUNDS)
    written = {
        "ptm": folders.lines(folders.made, folders.PASSENGERS),
        "scikit-learn": folders.lines(folders.scikit_learn),
    }
    says = (
        "Both: medians and modes for what is missing, mean 0 and standard deviation 1, one-hot "
        "columns, float32; the rows as Parquet; the CSV and all outputs hashed, outputs synced. "
        f"scikit-learn: with pandas, all rows at once. {_written(written)}"
    )
    one: list[Pair | None] = [Pair(f"{count:,} rows", took["ptm"], took["sklearn"])]
    pairs(f"a table with gaps, medians of {ROUNDS}", ("ptm", "sklearn"), one, says)


def _written(lines: dict[str, int]) -> str:
    """How many lines the user of each side writes."""
    return f"Lines to write: {', '.join(f'{name} {count}' for name, count in lines.items())}."


def of_loading(_: Path) -> None:
    """Photos and rows in random batches."""
    count = scaled(10_000, 20)
    took = {workers: medians(loading.sides(count, workers), 1) for workers in (0, 2)}
    if "MDS" not in took[0]:
        left_out.append(f"{', '.join(loading.PEERS)} as readers: {peers.LACKING}")
    alone = (loading.OURS, loading.LIMIT)
    best = max(one.said["rate"] for s in took.values() for n, one in s.items() if n not in alone)
    cells = {}
    for workers, sides in took.items():
        for name, one in sides.items():
            said, wanted = one.said, ""
            if name == loading.OURS:
                limit = took[0][loading.LIMIT].said["rate"]
                wanted = goal(limit / said["rate"], 1 / 0.8) if not workers else ""
            figures = (f"{said['rate']:.1f}", f"{said['first'] * 1e3:.0f}", f"{said['pss']:.0f}")
            cells[f"{name}, {workers} workers" if workers else name] = [*figures, wanted]
    says = (
        f"Batches of {loading.BATCH} photos of {SIDE} px, uint8, in random order (LitData: within "
        "chunks), from files in the page cache. first: from opening to the first batch, with what "
        "it takes to start workers. PSS: of all processes, mapped files among it. goal of ptm: "
        f"{loading.LIMIT} takes 0.8 of its time at least. The best of the others, without that: "
        f"{best:.0f} a second."
    )
    columns = ("batches/s", "first ms", "PSS MB", "goal")
    values(f"{count:,} photos in random batches", columns, cells, says)
    step = medians(loading.steps(count), ROUNDS)
    lines: list[Pair | None] = [Pair("training steps", step["loader"], step["memory"], 1.05), None]
    for batch in (256, 4096):
        row = medians(loading.of_rows(scaled(980_000, 1000), batch), ROUNDS)
        lines.append(Pair(f"rows by {batch}", row["ptm"], row["take"]))
    says = (
        f"training steps: {loading.STEPS * loading.ROUNDS} of a small network on batches of the "
        "loader, or on four that lie in memory. rows: an epoch of 11 float32, an int64 and 10 "
        "float32, each batch in memory of its own; or np.take into buffers that are used again."
    )
    pairs(f"with and without the loader, medians of {ROUNDS}", ("ptm", "other"), lines, says)


def of_files(data: Path) -> None:
    """What is up to date: the book, and many files."""
    count = scaled(100_000, 100)
    made, took = warm.many(count, BOOK_ROUNDS)
    found = {side: middle(turns) for side, turns in took.items()}
    lines: list[Pair | None] = [
        Pair(f"{count:,}: scandir, stat", found["ptm"], found["scandir"], 2.0)
    ]
    if "git" in found:
        lines.append(Pair("git status", found["ptm"], found["git"]))
    says = (
        f"ptm: the catalog, each file's stat beside what is known of it, the artifact that is "
        f"there (making it took {made:.0f} s). other: os.scandir and os.stat of each, in Python; "
        "or `git status`, all of it committed."
    )
    pairs(f"nothing to make, medians of {BOOK_ROUNDS}", ("ptm", "other"), lines, says)
    first, later = warm.book(data)
    cells = {"the book, first in a process": [f"{first * 1e3:.1f}"]}
    cells["the book, again"] = [f"{later * 1e3:.1f}"]
    values("nothing to make, imports left out", ("ms",), cells, "ptm: the library, all entries.")


def of_flows(data: Path) -> None:
    """What history, retries and the dashboard cost where nothing has to be made."""
    cells = {}
    for count, took in orchestration.flows(data, scaled(1000, 10)).items():
        with_it, without = took["flow"].seconds, took["library"].seconds
        each = with_it / count * 1e3
        wanted = goal(each, 10.0, " ms") if count >= 1000 else ""
        seconds = (f"{with_it:.2f}", f"{without:.2f}", f"{with_it - without:.2f}")
        cells[f"flow of {count} entries"] = [*seconds, f"{each:.1f}", wanted]
    run, imports = orchestration.command(data)
    seconds = (f"{run:.2f}", f"{imports:.2f}", f"{run - imports:.2f}")
    cells["`ptm run` of the book"] = [*seconds, "", ""]
    says = (
        "with: the flow in one process, its server in another; without: the library, asked for "
        "each entry. `ptm run`: beside `import torch, prefect`, of which it needs not all."
    )
    columns = ("with s", "without s", "more s", "ms each", "goal")
    values(f"nothing to make, with Prefect, medians of {ROUNDS}", columns, cells, says)


def of_memory(_: Path) -> None:
    """Peak memory, however much there is."""
    names = {"photos": f"photos of {SIDE} px, raw", "rows": "rows", "text": "bytes of text"}
    cells = {}
    for kind, what in names.items():
        least = 0.0
        for count, took in memory.peaks(kind).items():
            least = least or took.peak
            ratio = took.peak / least
            wanted = [goal(took.peak, MOST, " MB"), goal(ratio, GROWTH)]
            figures = (f"{took.seconds:.1f}", f"{took.cpu:.1f}", f"{took.peak:.0f}", f"{ratio:.2f}")
            cells[f"{count:,} {what}"] = [*figures, "\n".join(filter(None, wanted))]
    says = "ptm.tensorize in a new process, once, after a small entry that imports all it needs."
    columns = ("s", "CPU s", "peak MB", "growth", "goal")
    values("peak memory above the imports", columns, cells, says)


SECTIONS = {
    "book": of_book,
    "fits": of_fits,
    "rows": of_rows,
    "photos": of_photos,
    "folders": of_folders,
    "loading": of_loading,
    "files": of_files,
    "flows": of_flows,
    "memory": of_memory,
}

if __name__ == "__main__":
    main(sys.argv[1:])
