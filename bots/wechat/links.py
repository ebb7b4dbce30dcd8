"""Words to tap inside a text message.

Source: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html (msgmenu links)
"""

from __future__ import annotations

from functools import lru_cache

from bots.conversation import Choice, Reply


def as_text(reply: Reply) -> str:
    """The reply as one text: its words, then its choices as links that send what they say."""
    # What a person typed may be repeated in an answer; it must not become a link.
    text = reply.text.replace("<", "＜") if "<" in reply.text else reply.text
    if not reply.choices:
        return text
    return text + _links(reply.choices)


@lru_cache(maxsize=1024)
def _links(choices: tuple[Choice, ...]) -> str:
    links = [
        f'<a href="weixin://bizmsgmenu?msgmenucontent={choice.says}&msgmenuid={number}">{choice.label}</a>'
        for number, choice in enumerate(choices, 1)
    ]
    return "\n\n" + "　".join(links)
