"""Whatever answers with a secret says so, and is then kept under no idempotency key."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from msgspec import Struct, inspect

from gateway.capability import Capability, catalogue
from gateway.platform import SETS

_SECRET = re.compile(r"secret|token|claim")
_TELLING_NOTHING = {"token_type"}


@pytest.mark.parametrize("capability", catalogue(*SETS).values(), ids=lambda one: one.name)
def test_an_answer_with_a_secret_is_declared_as_one(capability: Capability) -> None:
    found = {name for name in _texts(inspect.type_info(capability.answer)) if _SECRET.search(name)} - _TELLING_NOTHING
    assert bool(found) == capability.shows_secret, f"{capability.name} answers with {found}"
    assert not (found and capability.keeps_answers)


def _texts(kind: inspect.Type, name: str = "") -> Iterator[str]:
    """Names of the fields, however deep, that hold text."""
    match kind:
        case inspect.StrType():
            yield name
        case inspect.StructType():
            for field in kind.fields:
                yield from _texts(field.type, field.encode_name)
        case inspect.UnionType():
            for one in kind.types:
                yield from _texts(one, name)
        case inspect.ListType():
            yield from _texts(kind.item_type, name)
        case inspect.DictType():
            yield from _texts(kind.value_type, name)


class Holder(Struct):
    """Holds a secret."""

    client_secret: str | None


def test_a_secret_in_a_list_of_structs_is_found() -> None:
    assert [*_texts(inspect.type_info(list[Holder]))] == ["client_secret"]
