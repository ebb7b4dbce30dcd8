"""Why the sandbox would not do something."""

from __future__ import annotations

from gateway.errors import Conflict, Forbidden


class NotASandbox(Forbidden):
    """Only a sandbox partner may do this, for a live one has no made-up users."""

    code = "not-a-sandbox"
    title = {"zh": "仅限沙箱合作方", "en": "This is for sandbox partners only"}


class SandboxFull(Conflict):
    """The sandbox has as many users as it may have; `most` says how many."""

    code = "sandbox-full"
    title = {"zh": "沙箱用户数已达上限", "en": "The sandbox has as many users as it may have"}


class SandboxUserTaken(Conflict):
    """That user of the partner is bound to a sandbox subscriber already."""

    code = "sandbox-user-taken"
    title = {"zh": "该用户已绑定沙箱用户", "en": "That user is in the sandbox already"}
