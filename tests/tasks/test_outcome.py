"""What may be tried again, and how the ends of tasks add up to the end of a run."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from prefect import allow_failure
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.utilities.engine import resolve_inputs_sync

from ptm.errors import ArtifactMissing, InputError, PtmError, StoreError
from ptm.model import ArtifactRef
from tasks.outcome import Outcome, PipelineFailed, cancelled, done, may_pass, skipped, was_made


def ref(name: str, cached: bool = False) -> ArtifactRef:
    """A reference to an artifact with one tensor."""
    tensor = {"shape": [2, 3], "dtype": "float32", "axes": ["sample", "feature"], "file": None}
    return ArtifactRef(
        name, "0" * 64, f"artifacts/{name}", "table", {"features": tensor}, 24, cached, 0.5
    )


def bad_input() -> InputError:
    """An error of a source named wine."""
    return InputError("wine", where="row 3", expected="a number", got="'n/a'", file="wine.csv")


def ended() -> Outcome:
    """One made, one cached, one failed and one skipped."""
    outcome = Outcome()
    outcome.add("dog", Completed(data=ref("dog")))
    outcome.add("wine", Failed(data=bad_input()))
    outcome.add("wine_threshold", skipped("wine"))
    outcome.add("cats", Completed(name="Cached", data=ref("cats", cached=True)))
    return outcome


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(5, "Input/output error"), True),
        (TimeoutError("no answer"), True),
        (ConnectionResetError(), True),
        (PermissionError(13, "Permission denied"), False),
        (OSError(28, "No space left on device"), False),
        (OSError(40, "Too many levels of symbolic links"), False),
        (bad_input(), False),
        (StoreError("no space"), False),
        (ArtifactMissing("wine"), False),
        (ValueError("a bug"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_pass(error: Exception, expected: bool) -> None:
    """I/O errors may pass; bad input, a disk or a store that refuses, and bugs do not."""
    assert may_pass(None, None, Failed(data=error)) is expected


def test_done_tells_made_from_cached() -> None:
    """A cached reference ends a task in a completed state named Cached; a fresh one stays."""
    made = ref("dog")
    assert done(made) is made
    state = done(ref("dog", cached=True))
    assert isinstance(state, State)
    assert (state.name, state.is_completed(), state.result().name) == ("Cached", True, "dog")


def test_outcome_of_each_end() -> None:
    """Each final state of a task is one line, and one entry by its name."""
    outcome = ended()
    assert list(outcome.made) == ["dog", "cats"]
    assert outcome.failed == {"wine": "wine: row 3: expected a number, got 'n/a' (wine.csv)"}
    assert outcome.skipped == {"wine_threshold": "wine was not made"}
    assert outcome.add("dog", Completed(data=ref("dog"))) == "dog: made in 0.50 s"
    assert outcome.add("cats", Completed(data=ref("cats", True))) == "cats: cached in 0.50 s"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Failed(data=KeyError("alcohol")), "wine: KeyError: 'alcohol'"),
        (Failed(data=PtmError("no space")), "wine: no space"),
        (Failed(data=bad_input()), "wine: row 3: expected a number, got 'n/a' (wine.csv)"),
    ],
    ids=["a bug", "another error of ptm", "bad input"],
)
def test_failures_begin_with_the_name(state: State[Any], expected: str) -> None:
    """A failure is listed with the name of its source once, and a bug with its type."""
    outcome = Outcome()
    assert outcome.add("wine", state) == expected
    assert outcome.failed == {"wine": expected}


def test_outcome_in_order() -> None:
    """An outcome can be put into the order of the catalog, whatever ended first."""
    ordered = ended().in_order(["cats", "dog", "wine", "wine_threshold"])
    assert list(ordered.made) == ["cats", "dog"]
    assert (ordered.failed, ordered.skipped) == (ended().failed, ended().skipped)


def test_result_of_a_good_run() -> None:
    """A run in which nothing failed returns its references."""
    assert Outcome(made={"dog": ref("dog")}).result() == {"dog": ref("dog")}


def test_result_of_a_failed_run() -> None:
    """A run in which something failed ends in a failed state that lists what was not made."""
    state = ended().result()
    assert isinstance(state, State) and state.is_failed()
    assert state.message == (
        "2 of 4 were not made:\n"
        "  wine: row 3: expected a number, got 'n/a' (wine.csv)\n"
        "  wine_threshold: skipped, wine was not made"
    )
    with pytest.raises(PipelineFailed, match="2 of 4 were not made"):
        state.result()


def test_result_of_a_run_that_was_cancelled() -> None:
    """What the server knows as cancelled ends so, also where all was made."""
    state = Outcome(made={"dog": ref("dog")}).result(cancelled=True)
    assert isinstance(state, State) and state.is_cancelled()
    assert state.message == "cancelled when all 1 were made"
    failed = ended().result(cancelled=True)
    assert isinstance(failed, State) and failed.is_cancelled()
    assert str(failed.message).startswith("2 of 4 were not made:\n")


@pytest.mark.parametrize(
    ("state", "name"), [(skipped("wine"), "Skipped"), (cancelled(), "Cancelled")]
)
def test_what_is_of_something_unmade_begins(state: State[Any], name: str) -> None:
    """Prefect lets a task begin whose input was skipped or cancelled, in other processes too."""
    for each in (state, pickle.loads(pickle.dumps(state))):
        assert (each.type.value, each.name) == ("CANCELLED", name)
        assert each.is_cancelled() and each.is_final() and not each.is_completed()
        result = resolve_inputs_sync({"upstream": [allow_failure(each)]})["upstream"][0]
        assert not was_made(result)


def test_failure_crosses_processes() -> None:
    """A PipelineFailed that was pickled says the same and has the same outcome."""
    again = pickle.loads(pickle.dumps(PipelineFailed(ended())))
    assert str(again) == str(PipelineFailed(ended()))
    assert again.outcome == ended()
