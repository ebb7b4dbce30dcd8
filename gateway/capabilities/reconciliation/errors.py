"""Why a difference was not mended."""

from __future__ import annotations

from gateway.errors import Conflict, MalformedRequest, NotFound


class ReconciliationNotFound(NotFound):
    """There is no such reconciliation for this caller."""

    code = "reconciliation-not-found"
    title = {"zh": "没有这次对账", "en": "There is no such reconciliation"}


class DifferenceNotFound(NotFound):
    """There is no such difference."""

    code = "difference-not-found"
    title = {"zh": "没有这条差异", "en": "There is no such difference"}


class NoteNeeded(MalformedRequest):
    """What a person mends is mended when the note says what was done."""

    code = "note-needed"
    title = {"zh": "请说明处理结果", "en": "Say what was done"}


class NotMendable(Conflict):
    """The back end did not let it be mended now."""

    code = "not-mendable"
    title = {"zh": "暂时不能修复", "en": "It cannot be mended now"}
