"""What the platform tells us: one immutable record for every message and event.

Source: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
"""

import msgspec

from bots.wechat.refusal import CallbackRefused
from bots.wechat.xml import Value, read_fields

__all__ = ["Callback", "CallbackRefused", "parse_callback"]

KINDS = frozenset({"text", "image", "voice", "video", "shortvideo", "location", "link", "event"})
"""The MsgTypes of a service account; every other one gives the kind "unknown"."""

MAX_TIME_DIGITS = 11
"""CreateTime in seconds has ten digits until the year 2286; twelve would leave the calendar."""

_SCENE_PREFIX = "qrscene_"
_ENVELOPE = ("ToUserName", "FromUserName", "CreateTime", "MsgType")


class Callback(msgspec.Struct, frozen=True):
    """One message or event as it was received.

    `kind` is one of `KINDS` or "unknown", `message_type` the platform's own word in lower case. `event` is the
    event's name in lower case, "" for messages. `created_at` is in seconds since the epoch. `fields` holds every
    element beyond the envelope under the platform's tag, text verbatim; `item` and `List` are always lists.
    """

    kind: str
    message_type: str
    event: str
    to_user: str
    from_user: str
    created_at: int
    message_id: str | None
    fields: dict[str, Value]

    def field(self, name: str) -> str:
        """The text of a plain field without the space around it; "" when absent or not plain."""
        value = self.fields.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    @property
    def text(self) -> str:
        """What the person said, written or as the platform recognised it; "" when nothing was said."""
        if self.kind == "text":
            return self.field("Content")
        return self.field("Recognition") if self.kind == "voice" else ""

    @property
    def scene(self) -> str | None:
        """The scene of the QR code that led here; None when no code of ours was scanned."""
        key = self.field("EventKey")
        if self.event == "subscribe":
            # A follow after a payment also carries a key, without the prefix.
            return key.removeprefix(_SCENE_PREFIX) if key.startswith(_SCENE_PREFIX) else None
        return (key or None) if self.event == "scan" else None

    @property
    def ticket(self) -> str | None:
        """The ticket of the scanned QR code; None without one."""
        return self.field("Ticket") or None

    @property
    def dedupe_key(self) -> str:
        """Equal for deliveries of one message, different for any two messages of one account.

        MsgId where there is one. Events have none: person, second, event and its key, and for results of what we
        sent also the MsgID, since two results may arrive for one person in one second.
        """
        if self.message_id is not None:
            return f"{self.to_user}:{self.message_id}"
        detail = self.field("EventKey") or self.field("MsgID") or _sent_ids(self.fields) or self.field("Content")
        return f"{self.to_user}:{self.from_user}:{self.created_at}:{self.event or self.message_type}:{detail}"


def parse_callback(body: bytes) -> Callback:
    """The message or event in a decrypted callback body; unknown types and events are no error.

    Raises:
        CallbackRefused: too_large, empty, doctype, malformed; missing_field without one of ToUserName,
            FromUserName, CreateTime, MsgType (Event for events); bad_field when one of them cannot be read.
    """
    fields = read_fields(body)
    to_user, from_user, created_at, message_type = (_take(fields, name) for name in _ENVELOPE)
    if not (created_at.isascii() and created_at.isdigit() and len(created_at) <= MAX_TIME_DIGITS):
        raise CallbackRefused("bad_field")
    message_type = message_type.lower()
    kind = message_type if message_type in KINDS else "unknown"
    return Callback(
        kind=kind,
        message_type=message_type,
        event=_take(fields, "Event").lower() if kind == "event" else "",
        to_user=to_user,
        from_user=from_user,
        created_at=int(created_at),
        message_id=_take(fields, "MsgId") if fields.get("MsgId") else None,
        fields=fields,
    )


def _take(fields: dict[str, Value], name: str) -> str:
    """Remove a required field and give its text, without the space around it."""
    value = fields.pop(name, "")
    if not isinstance(value, str):
        raise CallbackRefused("bad_field")
    value = value.strip()
    if not value:
        raise CallbackRefused("missing_field")
    return value


def _sent_ids(fields: dict[str, Value]) -> str:
    """The MsgIDs in a report on subscription notifications, joined; "" for anything else."""
    report = fields.get("SubscribeMsgSentEvent")
    entries = report.get("List") if isinstance(report, dict) else None
    if not isinstance(entries, list):
        return ""
    ids = (entry.get("MsgID") for entry in entries if isinstance(entry, dict))
    return ",".join(value for value in ids if isinstance(value, str))
