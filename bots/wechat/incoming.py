"""From a callback to what the dialogue sees."""

from __future__ import annotations

from datetime import datetime

from bots.conversation import Event, Incoming
from bots.wechat.messages import Callback

_EVENTS: dict[str, Event] = {"subscribe": "follow", "unsubscribe": "unfollow", "click": "click", "scan": "scan"}
_WITHOUT_WORDS = frozenset({"image", "voice", "video", "shortvideo", "location", "link"})


def account_of(gh_id: str, openid: str) -> str:
    """The account key of a person who follows an official account."""
    return f"wechat:{gh_id}:{openid}"


def openid_of(account: str) -> str:
    """The openid in an account key of this channel."""
    return account.rpartition(":")[2]


def incoming_of(callback: Callback, received_at: datetime, locale: str) -> Incoming | None:
    """The message or event for the dialogue; None for what is only received: reports, places, links opened …"""
    text, key = "", ""
    event: Event = ""
    if callback.kind == "event":
        event = _EVENTS.get(callback.event, "")
        if not event:
            return None
        key = (callback.field("EventKey") if event == "click" else callback.scene) or ""
    elif callback.kind == "text" or callback.text:
        text = callback.text
    elif callback.kind in _WITHOUT_WORDS:
        event = "attachment"
    else:
        return None
    return Incoming(
        account_of(callback.to_user, callback.from_user),
        f"wx:{callback.dedupe_key}",
        received_at,
        text,
        event,
        key,
        locale,
    )
