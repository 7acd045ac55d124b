"""What the tests of delimited text share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Read = Callable[..., dict[str, list[Any]]]
Refuse = Callable[..., str]
# the first example imports the readers; the file is written anew for each
SHARED_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = frozenset({"b"})
FIELDS = st.text('ab"\n\r ;\u00e9\ufeff', min_size=1, max_size=6)
