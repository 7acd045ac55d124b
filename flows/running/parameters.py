"""What the parameters of the flows are checked for, and how runs are named after them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from prefect.runtime import flow_run
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from ptm.book.sample import is_sample
from ptm.catalog import catalog_name, data_root
from ptm.names import NAME
from ptm.source import Source
from ptm.spans import seconds_of

BASE = frozenset(Source.model_fields)
SourceName = Annotated[str, Field(pattern=NAME)]
# a plain list for the form, where None could not be told from a list; from Python None may be given
Sources = Annotated[list[SourceName], BeforeValidator(lambda names: names or [])]


def _span(given: object) -> str:
    if given in (None, ""):
        return ""
    try:
        seconds_of(given)
    except ValueError as error:
        raise ValueError(f"expected {error}") from error
    return str(given)


# a plain text for the form; from Python a number of seconds or None may be given
Timeout = Annotated[str, BeforeValidator(_span)]


def form(options: type[Source], name: str) -> type[BaseModel]:
    """The options of a kind as the model of a form, in which each may be left out.

    Args:
        options: of the kind.
        name: of the model.
    """
    own = {field: info for field, info in options.model_fields.items() if field not in BASE}
    fields: dict[str, Any] = {
        field: (_checked(info) | None, Field(None, description=info.description))
        for field, info in own.items()
    }
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _checked(info: FieldInfo) -> Any:
    """The type of an option, with what it is checked for: so the server refuses at once."""
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def run_name() -> str:
    """What the run is of, and the local time for which it was scheduled: book-2026-11-23-0900."""
    given = flow_run.parameters
    when: datetime = flow_run.scheduled_start_time or datetime.now().astimezone()
    return f"{_what(given)}-{when.astimezone():%Y-%m-%d-%H%M}"


def _what(given: dict[str, object]) -> str:
    sources = [given["source"]] if given.get("source") else given.get("sources")
    if isinstance(sources, list) and sources:
        return "-".join([str(source) for source in sources[:3]] + ["more"] * (len(sources) > 3))
    if "sources" not in given:  # an analysis alone
        return str(flow_run.flow_name)
    catalog, data = Path(str(given["catalog"])), given.get("data")
    if is_sample(data_root(catalog, Path(str(data)) if data else None)):
        return "sample"
    return catalog_name(catalog)
