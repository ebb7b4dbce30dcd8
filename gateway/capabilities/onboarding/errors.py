"""Why an application could not be taken or moved."""

from __future__ import annotations

from gateway.errors import Conflict, NotFound


class ApplicationNotFound(NotFound):
    """There is no such application, or the claim is not its own."""

    code = "application-not-found"
    title = {"zh": "没有这份申请，或领取码不对", "en": "There is no such application, or the claim is not its own"}


class ClientIdTaken(Conflict):
    """A partner or an open application has that client id."""

    code = "client-id-taken"
    title = {"zh": "该 client id 已被使用", "en": "That client id is taken"}


class ApplicationClosed(Conflict):
    """The application was decided already; `state` says how."""

    code = "application-closed"
    title = {"zh": "该申请已有结论", "en": "The application was decided already"}
