"""What applying for a partnership takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.capabilities.partners import Credentials, Origin, PartnerId, Scope

ApplicationState = Literal["pending", "approved", "rejected", "claimed"]
ApplicationId = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Id of an application.")
]
Email = Annotated[
    str, Meta(pattern=r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,130}$", description="Where the developer is reached.")
]
Note = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f]*$")]


class Apply(Struct, frozen=True):
    """Ask to become a partner."""

    client_id: PartnerId
    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$", description="Shown to people.")]
    contact: Email
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=50, description="What the application needs.")]
    purpose: Note = ""
    origins: Annotated[list[Origin], Meta(max_length=50, description="Web pages that will hold the widgets.")] = []
    redirect_uris: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=500)]],
        Meta(max_length=20, description="Where subscribers come back to after signing in, compared exactly."),
    ] = []


class Applied(Struct, frozen=True):
    """The application was received. The claim is shown this once: it fetches the credentials later."""

    id: str
    client_id: str
    state: ApplicationState
    claim: str
    sandbox: Credentials | None = None
    """Credentials of a sandbox, good at once and shown this once; null: no more are opened today, or the id is taken."""


class Claim(Struct, frozen=True):
    """Ask what became of an application, and take the credentials once it is approved."""

    id: ApplicationId
    claim: Annotated[str, Meta(min_length=1, max_length=100, description="As given when applying.")]


class Claimed(Struct, frozen=True):
    """What became of the application."""

    state: ApplicationState
    reason: str = ""
    """The operator's words, where there are any."""
    credentials: Credentials | None = None
    """Present in the one answer that hands them out."""


class ListApplications(Struct, frozen=True):
    """Page through applications, oldest first."""

    state: ApplicationState | None = "pending"
    cursor: Annotated[ApplicationId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class Step(Struct, frozen=True):
    """One step of an application."""

    to: ApplicationState
    actor: str
    reason: str
    at: datetime


class Application(Struct, frozen=True):
    """One application as the operator sees it."""

    id: str
    client_id: str
    name: str
    contact: str
    purpose: str
    scopes: list[str]
    origins: list[str]
    redirect_uris: list[str]
    state: ApplicationState
    reason: str
    created_at: datetime
    history: list[Step] = []
    """Every step, oldest first; empty in lists."""


class ApplicationPage(Struct, frozen=True):
    """One page of applications."""

    items: list[Application]
    next: str | None = None


class ApplicationRef(Struct, frozen=True):
    """Name one application."""

    id: ApplicationId


class Approve(Struct, frozen=True):
    """Make the applicant a partner."""

    id: ApplicationId
    scopes: Annotated[
        Annotated[list[Scope], Meta(max_length=50)] | None, Meta(description="Granted scopes; null: those asked for.")
    ] = None
    per_second: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, Meta(description="Calls per second; null: the usual number.")
    ] = None
    per_day: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000_000)] | None, Meta(description="Calls per day; null: the usual number.")
    ] = None
    reason: Note = ""


class Reject(Struct, frozen=True):
    """Turn the application down."""

    id: ApplicationId
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f]*$")]
    """Told to the applicant."""
