"""The published documents, where they are at hand, as JSON Schemas for what the gateway answers."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

_PLACES = [parent / "shared" / "data" / "specs" for parent in Path(__file__).parents]
FOLDER = next((place for place in _PLACES if place.exists()), _PLACES[-1])
NAMES = {
    "tmf620": "tmf620-v4.1.0.swagger.json",
    "tmf622": "tmf622-v4.0.0.swagger.json",
    "tmf637": "tmf637-v4.0.0.swagger.json",
    "tmf680": "tmf680-v4.0.0.swagger.json",
    "camara": "camara-one-time-password-sms.yaml",
}
needed = pytest.mark.skipif(
    not FOLDER.exists(), reason="the published documents (../shared/data/specs) are not present"
)

_formats = jsonschema.FormatChecker()


def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


_formats.checks("date-time", raises=ValueError)(_is_moment)
_formats.checks("uri")(_is_uri)


@cache
def document(name: str) -> dict[str, Any]:
    """One document; the references of the CAMARA one to its common part are resolved."""
    text = (FOLDER / NAMES[name]).read_text("utf-8")
    if name != "camara":
        loaded: dict[str, Any] = json.loads(text)
        return loaded
    common = yaml.safe_load((FOLDER / "CAMARA_common.yaml").read_text("utf-8"))
    resolved: dict[str, Any] = _with_common(yaml.safe_load(text), common)
    return resolved


def _with_common(part: Any, common: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_with_common(one, common) for one in part]
    if not isinstance(part, dict):
        return part
    reference = part.get("$ref", "")
    if reference.startswith("../common/CAMARA_common.yaml"):
        return _inlined(_at(common, reference.partition("#")[2]), common)
    return {name: _with_common(value, common) for name, value in part.items()}


def _inlined(part: Any, root: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(one, root) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(_at(root, part["$ref"].partition("#")[2]), root)
    return {name: _inlined(value, root) for name, value in part.items()}


def answered_as(path: str, status: int, body: Any) -> bool:
    """Whether an answer of the CAMARA interface is what its document says for that path and status.

    Raises:
        jsonschema.ValidationError: where it is not, and why.
    """
    whole = document("camara")
    response = whole["paths"][path]["post"]["responses"][str(status)]
    if "$ref" in response:
        response = _at(whole, response["$ref"].partition("#")[2])
    schema = _inlined(response["content"]["application/json"]["schema"], whole)
    jsonschema.Draft7Validator(schema, format_checker=_formats).validate(body)
    return True


def _at(root: Any, pointer: str) -> Any:
    for name in pointer.strip("/").split("/"):
        root = root[name]
    return root


@cache
def _validator(name: str, definition: str, many: bool) -> jsonschema.Draft7Validator:
    """Strict: what the definition does not declare is an error, so that no name of ours is misspelled."""
    definitions = copy.deepcopy(document(name)["definitions"])
    for schema in definitions.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    one = {"$ref": f"#/definitions/{definition}"}
    schema = {"type": "array", "items": one} if many else {"allOf": [one]}
    return jsonschema.Draft7Validator({**schema, "definitions": definitions}, format_checker=_formats)


def conforms(name: str, definition: str, body: Any) -> bool:
    """Whether the body, or every element of a list, is what the document says.

    Raises:
        jsonschema.ValidationError: where it is not, and why.
    """
    _validator(name, definition, isinstance(body, list)).validate(body)
    return True
