"""The shape of a skill."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bots.conversation import Reply
from bots.turn import Turn

Skill = Callable[[Turn], Awaitable[Reply]]
"""Does what one intent asks for. Raises a capability's GatewayError when it has nothing better to say about it."""
