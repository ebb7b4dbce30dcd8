"""The account's menu, from a file, pushed when the gateway starts.

Source: https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Creating_Custom-Defined_Menu.html
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from adapters.wechat.protocol import Button, WeChatApi
from bots.skills import SKILLS

MENU_FILE = Path(__file__).parents[2] / "config" / "wechat_menu.toml"

_NAME_BYTES = (16, 60)
"""Longest name of a button of the first and of the second level, in bytes of UTF-8."""
_KEY_BYTES = 128
_URL_BYTES = 1024


class MenuWrong(ValueError):
    """The menu file asks for what the platform does not take."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1)]
    intent: str | None = None
    """Name of the skill that a tap starts."""
    url: str | None = None
    below: Annotated[list[_Entry], Meta(max_length=5)] = []


class _Menu(msgspec.Struct, forbid_unknown_fields=True):
    button: Annotated[list[_Entry], Meta(min_length=1, max_length=3)]


def load_menu(path: Path, public_url: str) -> tuple[Button, ...]:
    """The buttons of a menu file; `{public_url}` in an address stands for the gateway's own.

    Raises:
        MenuWrong: too many buttons, a name too long, an unknown intent, or a button that does nothing or two things.
    """
    try:
        menu = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Menu)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MenuWrong(f"{path.name}: {error}") from error
    return tuple(_button(entry, 0, public_url) for entry in menu.button)


async def push_menu(api: WeChatApi, buttons: tuple[Button, ...]) -> None:
    """Make these buttons the account's menu. Raises as the API does."""
    await api.create_menu(buttons)


def _button(entry: _Entry, level: int, public_url: str) -> Button:
    if len(entry.name.encode()) > _NAME_BYTES[level]:
        raise MenuWrong(f"{entry.name}: a name of level {level + 1} has at most {_NAME_BYTES[level]} bytes")
    if (entry.intent is not None) + (entry.url is not None) + bool(entry.below) != 1:
        raise MenuWrong(f"{entry.name}: a button has one of intent, url, below")
    if entry.below:
        if level:
            raise MenuWrong(f"{entry.name}: there are two levels only")
        return Button(entry.name, below=tuple(_button(below, 1, public_url) for below in entry.below))
    if entry.url is not None:
        url = entry.url.replace("{public_url}", public_url)
        if len(url.encode()) > _URL_BYTES:
            raise MenuWrong(f"{entry.name}: an address has at most {_URL_BYTES} bytes")
        return Button(entry.name, url=url)
    if entry.intent not in SKILLS or len(entry.intent.encode()) > _KEY_BYTES:
        raise MenuWrong(f"{entry.name}: no skill is called {entry.intent}")
    return Button(entry.name, key=entry.intent)
