"""The official account the stand-in serves, and the error its server API answers with."""

from typing import Literal

import msgspec

Mode = Literal["plain", "compatible", "encrypted"]


class Account(msgspec.Struct, frozen=True):
    """What the account's back office holds."""

    appid: str
    secret: str
    gh_id: str
    """Original id (gh_…), the ToUserName of its callbacks."""
    token: str
    """Signs the callbacks."""
    encoding_aes_key: str
    """43 characters."""
    callback_url: str
    mode: Mode = "encrypted"
    name: str = "推拉营业厅"


class ApiError(Exception):
    """An answer {"errcode", "errmsg"} of the server API."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.errcode = errcode
        self.errmsg = errmsg
