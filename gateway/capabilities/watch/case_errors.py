"""Why something could not be done with a case."""

from __future__ import annotations

from gateway.errors import Conflict, NotFound


class CaseNotFound(NotFound):
    """There is no such case."""

    code = "case-not-found"
    title = {"zh": "没有这个案件", "en": "There is no such case"}


class CaseStepRefused(Conflict):
    """The case cannot take that step; `state` says where it is."""

    code = "case-step-refused"
    title = {"zh": "案件不能进行这一步", "en": "The case cannot take that step"}


class CaseFull(Conflict):
    """The case is closed, or holds as much evidence as it may."""

    code = "case-full"
    title = {"zh": "案件已结案或证据已满", "en": "The case takes no more evidence"}
