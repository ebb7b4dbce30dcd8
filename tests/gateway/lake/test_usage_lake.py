"""The lake keeps usage by day and tells who uses what most."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from gateway.lake import USAGE_SCHEMA, UsageLake

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def rows(*used):
    """(subscriber, item, weight, day) as a table."""
    columns = [
        [one[0] for one in used],
        [one[1] for one in used],
        [DAY + timedelta(days=one[3], hours=12) for one in used],
        [one[2] for one in used],
    ]
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, USAGE_SCHEMA.types, strict=True)], USAGE_SCHEMA
    )


@pytest.fixture
def lake(tmp_path):
    return UsageLake(tmp_path)


def habits(lake, most=50, chunk=10_000):
    return list(lake.habits(most, chunk))


def test_weights_add_up_over_days_and_are_relative_to_the_strongest(lake):
    lake.write(rows((1, "a", 1, 0), (1, "b", 8, 1), (1, "a", 3, 2), (2, "a", 5, 0)), run="r", position=0)
    assert habits(lake) == [{1: {"b": 1.0, "a": 0.5}, 2: {"a": 1.0}}]


def test_only_the_strongest_items_are_kept_ties_by_name(lake):
    lake.write(rows(*((1, f"i{n}", 1 + (n == 7), 0) for n in range(10))), run="r", position=0)
    assert habits(lake, 3) == [{1: {"i7": 1.0, "i0": 0.5, "i1": 0.5}}]


def test_chunks_hold_whole_subscribers(lake):
    lake.write(rows(*((n // 3, f"i{n % 3}", 1, 0) for n in range(3000))), run="r", position=0)
    chunks = habits(lake, chunk=300)
    assert [len(chunk) for chunk in chunks] == [300, 300, 300, 100]
    assert all(len(items) == 3 for chunk in chunks for items in chunk.values())


def test_usage_of_no_weight_is_no_habit(lake):
    lake.write(rows((1, "a", 0, 0), (2, "a", 1, 0)), run="r", position=0)
    assert habits(lake) == [{2: {"a": 1.0}}]


def test_pairs_for_learning_are_of_some_subscribers_and_common_items(lake):
    lake.write(rows(*((n, "all", 1, 0) for n in range(10)), (4, "rare", 9, 0), (4, "some", 2, 1), (6, "some", 1, 1)), run="r", position=0)  # fmt: skip
    found = sorted(lake.pairs(every=2, items=2, most=5))
    assert found == [(0, "all"), (2, "all"), (4, "all"), (4, "some"), (6, "all"), (6, "some"), (8, "all")]
    assert (4, "some") in list(lake.pairs(every=1, items=9, most=2))
    assert (4, "all") not in list(lake.pairs(every=1, items=9, most=2))


def test_the_same_part_written_again_replaces_itself(lake):
    for _ in range(2):
        lake.write(rows((1, "a", 1, 0)), run="r", position=5)
    lake.write(rows((1, "b", 2, 0)), run="other", position=5)
    assert habits(lake) == [{1: {"b": 1.0, "a": 0.5}}]


def test_what_a_run_wrote_from_a_place_on_can_be_dropped(lake, tmp_path):
    lake.write(rows((1, "a", 1, 0)), run="r", position=0)
    lake.write(rows((1, "b", 1, 0)), run="r", position=10)
    lake.write(rows((1, "c", 1, 0)), run="rr", position=10)
    unfinished = next((tmp_path / "lake").rglob("rr-*.parquet")).with_name(f"r-{20:012d}.part")
    unfinished.write_bytes(b"half a file")
    lake.discard("r", since=10)
    assert habits(lake) == [{1: {"a": 1.0, "c": 1.0}}]
    assert not unfinished.exists()


def test_an_empty_lake_is_empty(lake):
    assert lake.is_empty()
    lake.write(USAGE_SCHEMA.empty_table(), run="r", position=0)
    assert lake.is_empty()
    lake.write(rows((1, "a", 1, 0)), run="r", position=0)
    assert not lake.is_empty()
