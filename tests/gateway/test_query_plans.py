"""What runs again and again walks along an index: no such query reads a table from end to end that grows with use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from gateway.capabilities.bindings import withdrawn_bindings
from gateway.capabilities.events import repository as events
from gateway.capabilities.numbers.repository import bound_after
from gateway.capabilities.watch import case_reads
from gateway.capabilities.watch import repository as watch
from gateway.capabilities.webhooks import repository as webhooks
from tests.fixtures.world import World

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
DAY, ID = timedelta(days=1), "00000000-0000-7000-8000-000000000000"
SMALL = {"CONSTANT", "partners", "webhook_endpoints", "watch_progress", "watch_limits"}
"""Tables that do not grow with the calls: one row for each partner, or for something it set up; and no table at all."""
ENDPOINT = webhooks.StoredEndpoint(
    ID, "shop", 1, "https://shop.example.test", ("order.*",), "", "standard", True, None, b"", None, None, NOW, NOW, 0, None
)  # fmt: skip

Read = Callable[[Connection], object]
READS: dict[str, Read] = {
    "watch: progress": watch.progress,
    "watch: new events": lambda c: watch.new_events(c, 5, 2000),
    "watch: ended early": lambda c: watch.ended_early(c, NOW - DAY, NOW, DAY),
    "watch: hours": lambda c: watch.hours(c, [("shop", NOW)]),
    "watch: counts since": lambda c: watch.counts_since(c, "shop", NOW - DAY),
    "watch: hours since": lambda c: watch.hours_since(c, "shop", NOW - DAY),
    "watch: placed by hour": lambda c: watch.placed_by_hour(c, "shop", NOW - DAY, NOW),
    "watch: standings": lambda c: watch.standings(c, ["shop"]),
    "watch: changes": lambda c: watch.changes(c, "shop", 1),
    "watch: newest cases": lambda c: case_reads.newest_on(c, ["standing:shop"]),
    "watch: bad orders": lambda c: case_reads.bad_orders(c, "shop", NOW - DAY, 100),
    "watch: newest complaints": lambda c: case_reads.newest_complaints(c, "shop", NOW - DAY, 100),
    "watch: refused with": lambda c: case_reads.refused_with(c, [ID], ["arrears"]),
    "watch: pushed alike": lambda c: case_reads.pushed_alike(c, [ID], NOW - DAY, ["arrears"]),
    "watch: phone hashes": lambda c: case_reads.phone_hashes(c, [1]),
    "events: head": events.head,
    "events: waiting": lambda c: events.list_waiting(c, 1000),
    "events: after": lambda c: events.list_after(c, partner_id=None, account=None, after_seq=5, limit=100),
    "events: of a partner": lambda c: events.list_after(c, partner_id="shop", account=None, after_seq=5, limit=100),
    "events: of an account": lambda c: events.list_after(c, partner_id=None, account="web:1", after_seq=5, limit=100),
    "events: newest": lambda c: events.newest_of(c, partner_id="shop", account=None),
    "events: number": lambda c: events.seq_of(c, ID),
    "webhooks: held": lambda c: webhooks.list_held(c, "me", NOW),
    "webhooks: pending counts": lambda c: webhooks.count_pending(c, [ID]),
    "webhooks: pending": lambda c: webhooks.list_pending(c, ID, 1000),
    "webhooks: missed": lambda c: webhooks.list_missed(c, ENDPOINT, 5, 500, 1000),
    "webhooks: replay": lambda c: webhooks.list_for_replay(
        c, ENDPOINT, event_id=None, after_seq=5, since=None, until=None, limit=1000
    ),
    "webhooks: known": lambda c: webhooks.known_deliveries(c, ID, [ID]),
    "webhooks: log": lambda c: webhooks.list_deliveries(c, ID, None, None, 50),
    "numbers: bound": lambda c: bound_after(c, 5, 1000),
    "bindings: withdrawn": lambda c: withdrawn_bindings(c, [ID], ["web:1"]),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
async def test_no_table_that_grows_is_read_from_end_to_end(world: World, name: str) -> None:
    def plans(connection: Connection) -> list[str]:
        statements: list[tuple[str, Any]] = []

        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: Any) -> None:
            statements.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        READS[name](connection)
        event.remove(connection, "before_cursor_execute", note)
        on_sqlite = connection.dialect.name == "sqlite"
        if not on_sqlite:  # empty tables would be read whole whatever indexes there are
            connection.execute(text("SET enable_seqscan = off"))
        explain = "EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN "
        lines = [
            str(line[-1])
            for statement, parameters in statements
            for line in connection.exec_driver_sql(explain + statement, parameters)
        ]
        if not on_sqlite:
            connection.execute(text("RESET enable_seqscan"))
        return lines

    lines = await world.platform.store.read(plans)
    assert lines
    assert [line for line in lines if reads_whole(line)] == [], "\n".join(lines)


def reads_whole(line: str) -> bool:
    """Whether the line of a plan says that all of a table that grows is read."""
    words = line.split()
    if "Seq Scan on" in line:
        return words[words.index("on") + 1] not in SMALL
    return words[0] == "SCAN" and "USING" not in words and words[1] not in SMALL and not words[1].startswith("(")
