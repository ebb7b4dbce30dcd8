"""The floor of the orders benchmark writes whole rows, whatever columns its tables have come to have."""

from __future__ import annotations

from bench.orders import _TABLES, rows


def test_a_row_of_the_floor_has_a_value_for_every_column() -> None:
    made = rows(1, "TM-MUSIC-10", "k")
    assert [len(row) for row in made] == [len(table.columns) for table in _TABLES]
