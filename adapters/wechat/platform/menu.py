"""The rules a menu must keep, with the platform's error codes.

Source: https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Creating_Custom-Defined_Menu.html
"""

from typing import Any

import msgspec

from adapters.wechat.platform.account import ApiError

_KEYED = {
    "click",
    "scancode_push",
    "scancode_waitmsg",
    "pic_sysphoto",
    "pic_photo_or_album",
    "pic_weixin",
    "location_select",
}


class MenuButton(msgspec.Struct, omit_defaults=True):
    """One button in the platform's own words."""

    name: str
    type: str | None = None
    key: str | None = None
    url: str | None = None
    sub_button: list["MenuButton"] = []


class Menu(msgspec.Struct):
    """The whole menu."""

    button: list[MenuButton]


def check(menu: Menu) -> None:
    """Raise the platform's error for the first rule the menu breaks."""
    if not 1 <= len(menu.button) <= 3:
        raise ApiError(40016, "invalid button size")
    for button in menu.button:
        if not 0 < len(button.name.encode()) <= 16:
            raise ApiError(40018, "invalid button name size")
        if not button.sub_button:
            _check_action(button, below=False)
        if len(button.sub_button) > 5:
            raise ApiError(40023, "invalid sub button size")
        for sub in button.sub_button:
            if sub.sub_button:
                raise ApiError(40022, "invalid sub menu level")
            if not 0 < len(sub.name.encode()) <= 60:
                raise ApiError(40025, "invalid sub button name size")
            _check_action(sub, below=True)


def shown(menu: Menu) -> dict[str, Any]:
    """The menu as menu/get answers it: every button has its list of buttons below, empty or not."""
    return {"menu": {"button": [_shown(button) for button in menu.button]}}


def _shown(button: MenuButton) -> dict[str, Any]:
    fields = {"type": button.type, "name": button.name, "key": button.key, "url": button.url}
    known = {name: value for name, value in fields.items() if value is not None}
    return {**known, "sub_button": [_shown(sub) for sub in button.sub_button]}


def _check_action(button: MenuButton, *, below: bool) -> None:
    shift = 7 if below else 0  # the codes for buttons below are those for buttons, seven further on
    if button.type in _KEYED:
        if not 0 < len((button.key or "").encode()) <= 128:
            raise ApiError(40019 + shift, "invalid button key size")
    elif button.type == "view":
        if not 0 < len((button.url or "").encode()) <= 1024:
            raise ApiError(40020 + shift, "invalid button url size")
    else:
        raise ApiError(40017 + shift, "invalid button type")
