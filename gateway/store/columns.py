"""The schema's collection and its one own column type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, MetaData
from sqlalchemy.types import TypeDecorator

# Names of constraints are fixed, so that a migration can find them on both databases.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment: an aware datetime in Python, microseconds since 1970 in the database (the same, sortable, on both)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return microseconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else moment(value)


@lru_cache(maxsize=4096)  # most rows of a transaction tell of the same few moments
def microseconds(value: datetime | None) -> int | None:
    """What a column of this type holds for the moment."""
    return None if value is None else (value - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The moment that a column of this type holds as so many microseconds."""
    return _EPOCH + timedelta(microseconds=microseconds)
