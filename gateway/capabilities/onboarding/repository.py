"""Every query on applications."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from gateway.capabilities.onboarding.schemas import Application, Step
from gateway.capabilities.onboarding.tables import application_steps, applications


def find(connection: Connection, application_id: str) -> Row[Any] | None:
    """One application's row."""
    return connection.execute(select(applications).where(applications.c.id == application_id)).one_or_none()


def is_open(connection: Connection, client_id: str) -> bool:
    """Whether an application for this client id waits to be decided or claimed."""
    waiting = applications.c.state.in_(("pending", "approved"))
    row = connection.execute(select(applications.c.id).where(applications.c.client_id == client_id, waiting).limit(1))
    return row.first() is not None


def list_steps(connection: Connection, application_id: str) -> list[Step]:
    """Every step of an application, oldest first."""
    of_one = select(application_steps).where(application_steps.c.application_id == application_id)
    rows = connection.execute(of_one.order_by(application_steps.c.seq))
    return [Step(row.to_state, row.actor, row.reason, row.at) for row in rows]


def list_page(connection: Connection, state: str | None, cursor: str | None, limit: int) -> list[Application]:
    """Up to `limit` applications, oldest first, from the one after `cursor`."""
    query = select(applications)
    if state is not None:
        query = query.where(applications.c.state == state)
    if cursor is not None:
        query = query.where(applications.c.id > cursor)
    return [view(row) for row in connection.execute(query.order_by(applications.c.id).limit(limit))]


def view(row: Row[Any], history: list[Step] | None = None) -> Application:
    """An application as the operator sees it."""
    return Application(
        row.id, row.client_id, row.name, row.contact, row.purpose, msgspec.json.decode(row.scopes),
        msgspec.json.decode(row.origins), msgspec.json.decode(row.redirect_uris), row.state, row.reason, row.created_at, history or [],
    )  # fmt: skip
