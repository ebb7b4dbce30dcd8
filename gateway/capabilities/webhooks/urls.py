"""Addresses that may be registered. What they lead to is checked again at every connection."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from yarl import URL

from adapters.webhooks.addresses import AddressRefused, Network, refuse_forbidden
from gateway.capabilities.webhooks.errors import WebhookUrlRefused


def refuse_url(text: str, *, https_only: bool, allowed: Sequence[Network]) -> None:
    """Return if webhooks may be sent there.

    Raises:
        WebhookUrlRefused: the address is malformed, holds credentials, is not secure, or is plainly not public.
    """
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise _refused("地址只能包含可见 ASCII 字符", "the address has visible ASCII characters only")
    try:
        url = URL(text)
        host, _ = url.raw_host, url.port
    except ValueError:
        raise _refused("地址格式不正确", "the address is malformed") from None
    if url.scheme not in (("https",) if https_only else ("https", "http")) or not host:
        raise _refused("请使用 https 地址", "use an https address")
    if url.user is not None or url.password is not None:
        raise _refused("地址中不能包含用户名或密码", "the address must not hold credentials")
    if "#" in text:
        raise _refused("地址中不能包含片段", "the address must not have a fragment")
    if _is_numeric(host):
        try:
            refuse_forbidden(host, allowed)
        except AddressRefused:
            raise _refused("该地址不是公网地址", "the address is not one of the public internet") from None


def _is_numeric(host: str) -> bool:
    """Whether it is an address rather than a name, in any of the spellings that systems take: 127.1, 0x7f000001 …"""
    if ":" in host:
        return True
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def _refused(zh: str, en: str) -> WebhookUrlRefused:
    return WebhookUrlRefused({"zh": zh, "en": en})
