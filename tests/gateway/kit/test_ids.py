"""Identifiers of one moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from gateway.kit.ids import first_id, ids_of

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_ids_of_a_moment_are_valid_in_order_and_never_the_same() -> None:
    made = list(islice(ids_of(NOON), 9000))
    assert made == sorted(set(made))
    assert {(UUID(one).version, UUID(one).variant) for one in made} == {(7, "specified in RFC 4122")}
    assert [str(UUID(one)) for one in made] == made
    assert first_id(NOON) < made[0] and made[-1] < first_id(NOON + timedelta(milliseconds=3))


def test_two_who_make_ids_of_one_moment_make_different_ones() -> None:
    assert set(islice(ids_of(NOON), 100)).isdisjoint(islice(ids_of(NOON), 100))
