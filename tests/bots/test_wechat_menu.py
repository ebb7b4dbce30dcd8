"""The menu file: what ships is right, and what the platform would refuse is refused before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.wechat.fake import FakeWeChatApi
from bots.wechat.menu import MENU_FILE, MenuWrong, load_menu, push_menu


async def test_the_menu_that_ships_is_taken_by_the_platform() -> None:
    api = FakeWeChatApi()
    buttons = load_menu(MENU_FILE, "https://tuila.example")
    await push_menu(api, buttons)
    assert api.menu == buttons
    assert buttons[0].key == "recommend"
    assert any(below.url == "https://tuila.example/portal" for button in buttons for below in button.below)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "button = []",
        '[[button]]\nname = "推荐"',
        '[[button]]\nname = "推荐"\nintent = "no_such_skill"',
        '[[button]]\nname = "推荐"\nintent = "recommend"\nurl = "https://a.example"',
        '[[button]]\nname = "一二三四五六"\nintent = "recommend"',
        '[[button]]\nname = "a"\nbelow = [{ name = "b", below = [{ name = "c", intent = "help" }] }]',
        '[[button]]\nname = "a"\nbelow = [' + '{ name = "b", intent = "help" },' * 6 + "]",
        '[[button]]\nname = "a"\nintent = "help"\n' * 4,
        '[[button]]\nname = "a"\nurl = "https://a.example/' + "x" * 1024 + '"',
        '[[button]]\nname = "a"\nkey = "help"',
        "[[button",
    ],
)
def test_a_wrong_menu_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "menu.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(MenuWrong):
        load_menu(file, "https://tuila.example")
