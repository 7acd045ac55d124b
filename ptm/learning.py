"""What the statistics of samples teach, and what encodes by it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from ptm import defaults
from ptm.errors import BadInput, PtmError
from ptm.learned import Learned
from ptm.model import Block
from ptm.registry import kind_of
from ptm.scaling import Scaler, Scaling
from ptm.split import NOWHERE, TRAIN
from ptm.stats import Stats
from ptm.work import Job


def taught(job: Job, by_split: Mapping[str, Stats]) -> Stats:
    """The statistics that scalers and categories are learned from: of train, or of all.

    Those of all where it learns nothing, but is encoded by what another entry learned.

    Raises:
        BadInput: train has no sample.
    """
    if job.source.statistics == "all" or job.learned:
        everywhere = (stats for split, stats in by_split.items() if split != NOWHERE)
        return reduce(Stats.merge, everywhere, Stats())
    if TRAIN not in by_split:
        counts = {split: sum(one.samples.values()) for split, one in by_split.items()}
        got = ", ".join(f"{count} in {split}" for split, count in counts.items()) or "none"
        raise BadInput("split", "samples in train (or statistics = 'all')", got)
    return by_split[TRAIN]


def learned_of(
    job: Job,
    stats: Stats,
    scaling: Mapping[str, Scaling],
    carried: Sequence[Mapping[str, Any]],
) -> Learned:
    """What an entry is encoded by: what its statistics teach, or what another entry learned.

    Args:
        job, stats, scaling, carried: as of `learn`.

    Raises:
        InputError: as `learn`; or its samples are not what the other entry learned of.
    """
    if job.learned is None:
        return learn(job, stats, scaling, carried)
    hook: Callable[..., Learned] | None = getattr(kind_of(job.source).code, "relearn", None)
    learned = hook(job.source, job.learned, carried) if hook else job.learned
    for name, how in scaling.items():
        known = learned.scalers[name].names if name in learned.scalers else ()
        if known != tuple(how.channels):
            other = f"channels of '{name}' as '{job.source.learn_from}' has"
            raise BadInput("", f"{other}, {', '.join(known)}", ", ".join(how.channels))
    return _as_stored(job, learned)


def learn(
    job: Job,
    stats: Stats,
    scaling: Mapping[str, Scaling],
    carried: Sequence[Mapping[str, Any]],
) -> Learned:
    """What the statistics of samples teach.

    Args:
        job: of the entry.
        stats: of its train samples, or of all.
        scaling: how tensors are to be scaled.
        carried: what each part says of itself to the functions of the kind.

    Raises:
        InputError: nothing can be learned of them, or more than may be.
    """
    kind = kind_of(job.source)
    hook: Callable[..., Learned] | None = getattr(kind.code, "learn", None)
    learned = hook(job.source, stats, carried) if hook else defaults.learn(scaling, stats)
    if not isinstance(learned, Learned):
        got = type(learned).__name__
        raise PtmError(f"kind '{kind.name}': expected a ptm.Learned from `learn`, got {got}")
    try:
        learned = learned.checked()
    except PtmError as error:
        raise PtmError(f"kind '{kind.name}', `learn`: {error}") from error
    if missing := [name for name in scaling if name not in learned.scalers]:
        expected = f"a scaler of '{missing[0]}', which is to be scaled"
        raise PtmError(f"kind '{kind.name}': expected {expected}, from `learn`, got none")
    return _as_stored(job, learned)


def _as_stored(job: Job, learned: Learned) -> Learned:
    """The same with the names of the tensors that are stored raw."""
    if job.source.store != "raw":
        return replace(learned, raw=())
    raw = tuple(name for name, one in learned.scalers.items() if one.method != "none")
    return replace(learned, raw=raw)


def by_itself(job: Job, block: Block) -> Learned | None:
    """What a kind says that has scaled its one part by itself; None of others.

    Raises:
        PtmError: the tensor was to be stored raw.
    """
    scaler = block.scaler
    if scaler is None:
        return None
    if job.source.store == "raw":
        expected = "store = 'scaled' for a kind that scales by itself"
        raise PtmError(f"expected {expected}, got 'raw'")
    fits = [
        name
        for name, tensor in block.tensors.items()
        if tensor.dim() > scaler.axis and tensor.shape[scaler.axis] == len(scaler.names)
    ]
    return Learned({fits[0] if fits else "": scaler})


def as_encoded(learned: Learned) -> Learned:
    """What encodes: scalers of what is stored raw leave it as it is."""
    scalers = {
        name: Scaler.identity(one.names, one.axis) if name in learned.raw else one
        for name, one in learned.scalers.items()
    }
    return replace(learned, scalers=scalers)


def has_to_encode(job: Job, scaling: Mapping[str, Scaling]) -> bool:
    """Whether raw samples are another thing than what is published."""
    own = hasattr(kind_of(job.source).code, "encode")
    return own or (job.source.store == "scaled" and bool(scaling))


def encoded_key(key: str, learned: Learned) -> str:
    """The key of a part as it is published, by that of its raw samples and by what encodes it."""
    vocabularies = {what: list(each) for what, each in learned.vocabularies.items()}
    text = json.dumps([learned.to_json(), vocabularies])
    return hashlib.sha256(f"encoded {key} {text}".encode()).hexdigest()
