"""One page of what was read, and where the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

One = TypeVar("One")


def cut(found: Sequence[One], limit: int, cursor: Callable[[One], str]) -> tuple[list[One], str | None]:
    """(the first `limit` of `found`, the cursor of the last of them, None where there is no more). Read one more than the limit."""
    page = [*found[:limit]]
    return page, cursor(page[-1]) if len(found) > limit else None
