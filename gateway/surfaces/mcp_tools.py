"""Capabilities as the tools of the Model Context Protocol: names, schemas, hints. Pure.

Source: the specification's revision 2026-07-28, server/tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

from auth.policy import decide
from auth.principal import Principal
from gateway.capability import Capability, Effect
from gateway.surfaces.calls import concerns_user

USER = "tuila_user"
KEY = "tuila_key"
"""Arguments that no capability has as a field: whom a partner speaks about, and the idempotency key."""

_RESERVED: dict[str, dict[str, Any]] = {
    USER: {
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "description": "Your own id of the user whom the call is about.",
    },
    KEY: {
        "type": "string",
        "pattern": "^[!-~]{1,200}$",
        "description": "Idempotency key: a new one for each thing that is wanted; the same again when a call brought no answer.",
    },
}


class Tool(msgspec.Struct, frozen=True):
    """One capability as a tool."""

    name: str
    capability: Capability
    input: dict[str, Any]
    """JSON Schema of the request, without the reserved arguments."""
    output: dict[str, Any]

    def reserved(self, *, names_user: bool) -> list[str]:
        """The reserved arguments it takes; `names_user`: whether the caller says in them which user it is about."""
        user = [USER] if names_user and concerns_user(self.capability.need) else []
        return [*user, KEY] if self.capability.keeps_answers else user

    def arguments(self, *, names_user: bool) -> frozenset[str]:
        """The names of all arguments it takes."""
        return frozenset(self.input["properties"]).union(self.reserved(names_user=names_user))

    def described(self, locale: str, *, names_user: bool) -> dict[str, Any]:
        """The tool as `tools/list` tells it."""
        capability = self.capability
        reserved = self.reserved(names_user=names_user)
        required = [USER] if USER in reserved and capability.need.subject != "optional" else []
        return {
            "name": self.name,
            "title": capability.title["en" if locale.startswith("en") else "zh"],
            "description": "\n\n".join(filter(None, (capability.summary, capability.description))),
            "inputSchema": {
                **self.input,
                "properties": {**self.input["properties"], **{name: _RESERVED[name] for name in reserved}},
                "required": [*self.input.get("required", ()), *required],
                "additionalProperties": False,
            },
            "outputSchema": self.output,
            "annotations": {
                "readOnlyHint": not capability.writes,
                "destructiveHint": capability.need.effect == Effect.REMOVE,
                # Only under a key is a repeated call sure to change nothing.
                "idempotentHint": not capability.writes,
                "openWorldHint": False,
            },
        }


@lru_cache(maxsize=8)
def tools_of(capabilities: tuple[Capability, ...]) -> Mapping[str, Tool]:
    """The tools by name, in the order of their names; kept, as several applications of one process may serve the same.

    Raises:
        ValueError: two capabilities would have one name as tools, or one has a field of a reserved name.
    """
    found: dict[str, Tool] = {}
    for capability in capabilities:
        # Dots are legal here, but not in the function names of the models that the tools are handed on to.
        name = capability.name.replace(".", "_")
        tool = Tool(name, capability, _object_schema(capability.request), _object_schema(capability.answer))
        if name in found:
            raise ValueError(f"{capability.name} and {found[name].capability.name} are both the tool {name}")
        if clash := tool.input["properties"].keys() & _RESERVED.keys():
            raise ValueError(f"{capability.name} has a field of the reserved name {clash.pop()}")
        found[name] = tool
    return MappingProxyType(dict(sorted(found.items())))


def may_be_called(tool: Tool, principal: Principal, now: datetime) -> bool:
    """Whether the policy can let this caller call it for any subject at all."""
    anybody = msgspec.structs.replace(tool.capability.need, subject="none")
    return decide(principal, anybody, None, None, now).allowed


def _object_schema(kind: type[Any]) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)
    definitions: dict[str, Any] = schema["$defs"]
    name = schema["$ref"].rpartition("/")[2]
    root = definitions[name]
    others = {other: definition for other, definition in definitions.items() if other != name}
    # The protocol wants an object at the root, not a reference to one.
    return {**root, "$defs": others} if others else dict(root)
