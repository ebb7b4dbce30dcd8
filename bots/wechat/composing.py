"""Putting one official account's bot together on a platform."""

from __future__ import annotations

import secrets

from bots.bot import Bot
from bots.claims import Claims
from bots.dialogue import Dialogue
from bots.late import LateAnswers
from bots.wechat.channel import WeChatCallbacks
from bots.wechat.links import as_text
from config.settings import WeChatSettings
from gateway.platform import Platform


def compose_wechat(platform: Platform, account: WeChatSettings) -> WeChatCallbacks:
    """The account's callbacks, answered by this platform. Its workers learn the late answers; close it before it."""
    claims = Claims(platform.hot, secrets.token_hex(8))
    bot = Bot(Dialogue(platform.invoke, platform.catalog, platform.clock), platform.store, claims, platform.clock)
    late = LateAnswers(
        bot, platform.store, platform.keys, platform.clock, platform.ids, render={"wechat": as_text}
    )  # fmt: skip
    platform.handlers.update(late.handlers())
    settings = platform.settings
    return WeChatCallbacks(
        account, bot, late, claims, platform.hot, platform.clock, deadline=settings.deadline, locale=settings.locale
    )
