"""Messages to people who follow the account, through the customer-service interface."""

from __future__ import annotations

import structlog

from adapters.errors import OutcomeUnknown
from adapters.wechat.errors import ConsentRefused, NotAuthorised, NotFollowing, OutsideWindow, TooManyUnanswered
from adapters.wechat.protocol import WeChatApi
from bots.wechat.incoming import openid_of
from bots.wechat.replies import fit_text
from gateway.messages import Unreachable
from gateway.store.hot import HotState

_REMEMBERED = 86_400.0

_log = structlog.get_logger("wechat")


class WeChatChannel:
    """`gateway.messages.Channel` over the WeChat API.

    The interface knows no message ids. A message whose answer was lost is taken as sent: doubling words is no better
    than losing them, and what they tell of can be asked for in the conversation.
    """

    def __init__(self, api: WeChatApi, hot: HotState) -> None:
        self._api = api
        self._hot = hot

    async def send(self, account: str, text: str, message_id: str) -> None:
        key = f"wx:sent:{message_id}"
        if await self._hot.get(key) is not None:
            return
        try:
            await self._api.send_text(openid_of(account), fit_text(text))
        except (OutsideWindow, TooManyUnanswered, NotFollowing, ConsentRefused, NotAuthorised) as error:
            raise Unreachable(str(error)) from error
        except OutcomeUnknown:
            _log.warning("message may not have arrived", message=message_id)
        await self._hot.put(key, b"1", _REMEMBERED)
