"""Names of event types, and filters over them: `order.completed`, `order.*`, `*`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import Column, ColumnElement, or_

FILTER = r"(\*|[a-z_]{1,30}(\.[a-z_]{1,30}){0,2}(\.\*)?)"
"""One filter, as a regular expression."""

TypeFilter = Annotated[
    str, Meta(pattern=f"^{FILTER}$", description="An event type, or all below one: order.completed, order.*, *.")
]


def wants(filters: Sequence[str], type: str) -> bool:
    """Whether any of the filters takes the type; no filters at all take every type."""
    return not filters or any(_takes(one, type) for one in filters)


def _takes(filter: str, type: str) -> bool:
    if filter.endswith("*"):
        return type.startswith(filter[:-1])
    return type == filter


def condition(filters: Sequence[str], column: Column[Any]) -> ColumnElement[bool]:
    """`wants` over a column; there is at least one filter."""
    return or_(
        *(
            column.startswith(one[:-1], autoescape=True)
            if one.endswith("*")
            else column == one  # "_" is a name's letter
            for one in filters
        )
    )
