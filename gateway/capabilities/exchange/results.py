"""The result file: one line for each row of an order file, kept in parts beside the orders they tell of."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from gateway.capabilities.exchange.rows import Row
from gateway.capabilities.exchange.tables import order_file_results
from gateway.errors import GatewayError
from gateway.invoke import Outcome

_HEADER = ("line", "key", "user", "partner_ref", "status", "order_id", "state", "code", "words")
_AT_ONCE = 16
MALFORMED_ROW = "malformed-row"


def result_text(outcomes: Iterable[tuple[Row, Outcome]], locale: str, *, first: bool) -> bytes:
    """CSV (RFC 4180) lines for rows and what became of them; with the header where it is the `first` part."""
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        writer.writerow(_HEADER)
    for row, outcome in outcomes:
        given = row.fields
        named = (row.line, given.get("key", ""), given.get("user", ""), given.get("partner_ref", ""))
        writer.writerow((*named, *_became(row, outcome, locale)))
    return text.getvalue().encode()


def _became(row: Row, outcome: Outcome, locale: str) -> tuple[str, str, str, str, str]:
    if row.problem is not None:
        return "refused", "", "", MALFORMED_ROW, row.problem
    error: GatewayError | None = outcome.refusal
    if error is None:
        return "placed", outcome.answer.id, outcome.answer.state, "", ""
    code = str(error.extra.get("reason", error.code)) if error.code == "forbidden" else error.code
    return "refused", str(error.extra.get("order_id", "")), "", code, error.words(locale)


def result_row(file_id: str, first_line: int, begins: int, text: bytes) -> dict[str, Any]:
    """A part as it is stored."""
    return {
        "file_id": file_id, "first_line": first_line, "begins": begins, "length": len(text),
        "body": zlib.compress(text, 1),
    }  # fmt: skip


class ResultPart(NamedTuple):
    """A piece of the result file."""

    begins: int
    body: bytes


def list_results(connection: Connection, file_id: str, begin: int, end: int) -> list[ResultPart]:
    """The first few parts of bytes `begin` to `end` (not included) of the result file, cut to just these bytes."""
    table = order_file_results
    asked = (
        select(table.c.begins, table.c.body)
        .where(table.c.file_id == file_id, table.c.begins < end, table.c.begins + table.c.length > begin)
        .order_by(table.c.begins)
        .limit(_AT_ONCE)
    )
    return list(_cut(connection.execute(asked), begin, end))


def _cut(rows: Iterable[Any], begin: int, end: int) -> Iterator[ResultPart]:
    for begins, packed in rows:
        body = zlib.decompress(packed)
        start = max(begin - begins, 0)
        yield ResultPart(begins + start, body[start : end - begins])
