"""What the exchange of order files takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from gateway.capabilities.orders import PlaceOrder

FileFormat = Literal["csv", "csv.gz", "ndjson", "ndjson.gz", "parquet"]
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
FileState = Literal["awaiting_content", "submitted", "running", "done", "failed", "cancelled"]


def _columns() -> dict[str, str | None]:
    columns: dict[str, str | None] = {}
    for field in msgspec.structs.fields(PlaceOrder):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            columns |= dict.fromkeys(field.type.__struct_fields__, field.name)
        else:
            columns[field.name] = None
    return columns


ORDER_FIELDS = _columns()
"""Column → the field of `PlaceOrder` that it stands in; None: it is one itself."""
FIELD_NAMES = ("user", "key", *ORDER_FIELDS)
FieldName = Annotated[str, Meta(pattern=f"^({'|'.join(FIELD_NAMES)})$")]
FileId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Id of a file.")]
PartnerName = Annotated[
    Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,58}$")] | None,
    Meta(description="Client id; the operator names the partner, a partner leaves it out."),
]
ColumnName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")]


class SubmitOrderFile(Struct, frozen=True):
    """Announce a file of orders; its content follows."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the content, lower-case hex.")]
    bytes: Annotated[int, Meta(ge=1, le=2**53, description="Length of the content.")]
    format: Annotated[FileFormat, Meta(description="How the content is written; .gz is unpacked on the way.")]
    columns: Annotated[
        dict[FieldName, ColumnName],
        Meta(description="Field → column, where the columns are not named as the fields are."),
    ] = {}
    locale: Annotated[Literal["zh-CN", "en"], Meta(description="Language of the words in the result file.")] = "zh-CN"
    partner: PartnerName = None


class OrderFileRef(Struct, frozen=True):
    """Name one order file."""

    id: FileId


class ListOrderFiles(Struct, frozen=True):
    """Page through order files, newest first."""

    state: Annotated[FileState | None, Meta(description="Only files in this state.")] = None
    partner: PartnerName = None
    cursor: Annotated[FileId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Files on one page.")] = 20


class OrderFile(Struct, frozen=True):
    """An order file and how far it is."""

    id: str
    partner: str
    sha256: str
    bytes: int
    format: FileFormat
    state: FileState
    line: int
    """The last line that is answered."""
    placed: int
    refused: int
    progress_pct: int
    result_bytes: int
    """Length of the result file so far."""
    content: str
    """Where the content goes: PUT."""
    results: str
    """Where each row's outcome is: GET."""
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    problem: str | None = None
    """Why the file as a whole failed."""


class OrderFilePage(Struct, frozen=True):
    """One page of order files."""

    items: list[OrderFile]
    next: str | None = None
    """Cursor of the next page; null on the last one."""
