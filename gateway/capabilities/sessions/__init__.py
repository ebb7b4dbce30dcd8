"""Web sessions: how a widget on a page speaks for its visitor."""

from gateway.capabilities.sessions.capability import SESSION_SCOPES, OpenSession, Session
from gateway.capabilities.sessions.capability import sessions as session_capabilities

__all__ = ["SESSION_SCOPES", "OpenSession", "Session", "session_capabilities"]
