"""Texts: both languages, the same values, nothing that looks like a link."""

from __future__ import annotations

from string import Formatter

import pytest

from bots.conversation import State
from bots.understanding import understand
from bots.words import CHOICES, STATES, TEXTS, choices
from gateway.capabilities.orders.states import OrderState


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_speak_of_the_same_values(key: str) -> None:
    zh, en = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in TEXTS[key])
    assert zh == en
    assert all("<" not in text and text.strip() for text in TEXTS[key])


def test_every_state_of_an_order_has_words() -> None:
    assert STATES.keys() == {state.value for state in OrderState}


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_what_can_be_tapped_is_understood(locale: str) -> None:
    tapped = choices(tuple(f"{name}:1" if "{number}" in zh else name for name, (zh, _) in CHOICES.items()), locale)
    assert all(understand(choice.says, State()).name != "unknown" for choice in tapped)
