"""Why an artifact was made, or was not: what decides its content, compared with another's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ptm import store
from ptm.errors import ArtifactMissing, PtmError, StoreError
from ptm.hints import no_store

DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
FORCED = "forced, though it was up to date"
DIGESTED = ("file", "module", "upstream", "function", "class", "value")
UNCHANGED, CHANGED, ADDED, REMOVED = "unchanged", "changed", "added", "removed"


class Cause(NamedTuple):
    """One of the things that decide a content, before and after.

    Attributes:
        kind: "file", "option", "module", "package", "upstream", "kind" or "format"; of code that is
            not ptm's "function", "class", "value" or "module".
        name: which of them.
        state: "unchanged", "changed", "added" or "removed".
        before: its value before: a digest, a version, the value of an option; None where added.
        after: its value after; None where removed.
    """

    kind: str
    name: str
    state: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.state in (ADDED, REMOVED):
            return f"{self.kind} {self.name} {self.state}"
        if self.state == UNCHANGED:
            return f"{self.kind} {self.name} unchanged"
        if self.kind in DIGESTED:  # a digest would tell nobody anything
            return f"{self.kind} {self.name} changed"
        return f"{self.kind} {self.name} changed from {shown(self.before)} to {shown(self.after)}"


@dataclass(frozen=True)
class Explanation:
    """What the last run decided about an artifact, and why.

    Attributes:
        name: of the artifact.
        decision: "made", "found" (made earlier, current again), "cached", "failed" or "skipped".
        when: UTC, ISO 8601.
        why: a sentence.
        publication: the one that is current; None where there is none.
        before: the one that it is compared with; None where there is none, or it was collected.
        causes: everything that decides the content, changed or not.
        kept: the other publications of the name that are kept, newest first.
    """

    name: str
    decision: str
    when: str
    why: str
    publication: str | None
    before: str | None
    causes: list[Cause]
    kept: list[str]


def causes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Cause]:
    """All that decides a content, as it was before and as it is after.

    Args:
        before: a manifest, or the head of one; None where there was none.
        after: the same.
    """
    earlier, later = dict(_components(before or {})), dict(_components(after))
    found = []
    for kind, name in {**later, **earlier}:
        old, new = earlier.get((kind, name)), later.get((kind, name))
        if (kind, name) not in earlier:
            state = ADDED
        elif (kind, name) not in later:
            state = REMOVED
        else:
            state = UNCHANGED if old == new else CHANGED
        found.append(Cause(kind, name, state, old, new))
    return _without_followers(found)


def why(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    damage: str = "",
    forced: bool = False,
) -> str:
    """In a few words, why an artifact is made.

    Args:
        before: a manifest, or the head of one; None where there was none.
        after: the same.
        damage: what is wrong with the one that is there; "" if nothing is.
        forced: whether it was to be made in any case.
    """
    if damage:
        return f"damaged: {DIGEST.sub(lambda found: shown(found[0]), damage)}"
    if before is None:
        return "new"
    changes = [str(cause) for cause in causes(before, after) if cause.state != UNCHANGED]
    if not changes:
        return FORCED if forced else "the store had none for its key any more"
    return changes[0] + (f" and {len(changes) - 1} more" if len(changes) > 1 else "")


def explain(name: str, artifacts: str | Path = "artifacts") -> Explanation:
    """What the last run decided about an artifact, and why.

    Raises:
        ArtifactMissing: neither the store nor its record of runs has that name.
        ArtifactCorrupt: the manifest of the current artifact is damaged.
    """
    root = Path(artifacts)
    end = store.recorded_runs(root).get(name, {})
    try:
        now = store.current(name, root)
    except ArtifactMissing:
        if not end:
            raise
        return Explanation(name, end["state"], end["when"], str(end["message"]), None, None, [], [])
    pointer, manifest = now.pointer, with_inputs(now)
    # one that was put there by hand need not say more than which
    folder, made = now.folder.name, pointer.get("made", "")
    since = pointer.get("since", made)
    kept = [other for other in store.publications(root / name) if other != folder]
    if end.get("state") in ("failed", "skipped", "cached") and end["when"][:19] >= since[:19]:
        # the run came after the artifact (runs are noted to the second), and left it as it is
        reason = f"nothing changed since it was made at {minute(made)}"
        if end["state"] != "cached":
            reason = f"{end['message']}; the artifact that is there was made at {minute(made)}"
        same = causes(manifest, manifest)
        return Explanation(name, end["state"], end["when"], reason, folder, folder, same, kept)
    decision = "made" if made == since else "found"
    previous = pointer.get("previous")
    if previous and previous[:12] == folder[:12]:  # the same key: damaged, or forced
        before: dict[str, Any] | None = manifest
    else:
        before = _manifest(root / name, previous) if previous else None
    healed, forced = str(pointer.get("healed", "")), bool(pointer.get("forced"))
    reason = why(before, manifest, healed, forced)
    if previous and before is None:
        reason = f"the one before ({previous}) is not kept any more, so it cannot be compared"
    if previous and pointer.get("work"):
        reason = f"{reason}; {pointer['work']}"
    changes = causes(before, manifest)
    return Explanation(
        name, decision, since, reason, folder, previous if before else None, changes, kept
    )


def with_inputs(publication: store.Publication) -> dict[str, Any]:
    """The manifest of a publication, with each of its inputs."""
    return publication.manifest | {"inputs": store.inputs_of(publication)}


def compare(one: str, other: str, artifacts: str | Path = "artifacts") -> list[Cause]:
    """What decided the content of one kept artifact, beside that of another.

    Args:
        one: the earlier: a name (then the current artifact of it), or a publication or key, or how
            one of them begins.
        other: the later, likewise.
        artifacts: the store.

    Raises:
        ArtifactMissing: the store has no such artifact, or several that begin like that.
        ArtifactCorrupt: its manifest is damaged.
    """
    root = Path(artifacts)
    return causes(_one(root, one), _one(root, other))


def shown(value: Any) -> str:
    """A value for people: digests are cut."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if DIGEST.fullmatch(text):
        return f"{text[:12]}…"
    return text if len(text) <= 60 else f"{text[:59]}…"


def minute(when: str) -> str:
    """A time in ISO 8601 for people."""
    return f"{when[:16].replace('T', ' ')} UTC"


def _without_followers(found: list[Cause]) -> list[Cause]:
    """Without what is said of an upstream, where its files changed: that follows from them."""
    files = [c for c in found if c.kind == "upstream" and not c.name.endswith(f" {store.MANIFEST}")]
    changed = {cause.name.partition(" ")[0] for cause in files if cause.state != UNCHANGED}
    followers = {("upstream", f"{name} {store.MANIFEST}") for name in changed}
    return [cause for cause in found if (cause.kind, cause.name) not in followers]


def _components(manifest: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    for entry in ("kind", "format"):
        if entry in manifest:
            yield (entry, ""), manifest[entry]
    yield from _of_inputs(manifest.get("inputs", []))
    for source, sha256 in manifest.get("taught", {}).items():
        yield ("upstream", f"{source} what it learned"), sha256
    for option, value in manifest.get("options", {}).items():
        if isinstance(value, dict):
            yield from ((("option", f"{option}.{name}"), entry) for name, entry in value.items())
        else:
            yield ("option", option), value
    for name, digest in manifest.get("code", {}).items():
        yield _of_code(name), digest
    yield from ((("package", name), v) for name, v in manifest.get("packages", {}).items())


def _of_inputs(inputs: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    if isinstance(inputs, dict):
        for source, parts in inputs.items():
            for file, sha256 in parts.items():
                yield ("upstream", f"{source} {file}"), sha256
    else:
        for entry in inputs:
            yield ("file", entry["path"]), entry["sha256"]


def _of_code(name: str) -> tuple[str, str]:
    """Kind and name of a piece of code: of what is not ptm's from "function pets.read"."""
    kind, _, of = name.rpartition(" ")
    return kind or "module", of


def _one(root: Path, word: str) -> dict[str, Any]:
    if word in store.names(root):
        return with_inputs(store.current(word, root))
    shelves = store.shelves(root)
    kept = [(shelf, one) for shelf in shelves for one in store.publications(root / shelf)]
    found = [
        (shelf, folder)
        for shelf, folder in kept
        if folder.startswith(word) or ("-" not in word and word.startswith(folder[:12]))
    ]
    if len(found) != 1:
        which = f"{len(found)} that begin like that" if found else "none"
        there = [*store.names(root), *(folder for _, folder in kept)]
        kept_here = no_store(root) or f"kept: {', '.join(there[:20]) or 'nothing'}"
        raise ArtifactMissing(
            f"{word}: expected a name, a publication or a key in {root}, got {which} ({kept_here})"
        )
    shelf, folder = found[0]
    manifest = _manifest(root / shelf, folder)
    if manifest is None:
        raise StoreError(f"{word}: expected a whole manifest, got a damaged one ({root / shelf})")
    return manifest


def _manifest(shelf: Path, folder: str) -> dict[str, Any] | None:
    """The manifest of a publication that some pointer names."""
    for pointer in store.pointers(shelf).values():
        if pointer and pointer["publication"] == folder:
            try:
                return with_inputs(store.publication(shelf, pointer))
            except PtmError:
                return None
    return None
