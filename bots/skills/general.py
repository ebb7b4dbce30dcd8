"""Greeting, helping, and what is left when nothing was understood."""

from __future__ import annotations

from bots.conversation import Reply
from bots.skills.offers import show_found
from bots.skills.skill import Skill
from bots.turn import Turn

_BINDING_SCENE = "bind:"


def _text(key: str, *choices: str) -> Skill:
    async def say(turn: Turn) -> Reply:
        return turn.reply(key, *choices)

    return say


async def follow(turn: Turn) -> Reply:
    """Welcome a new follower."""
    if turn.intent.words.startswith(_BINDING_SCENE):
        return turn.reply("scan_to_bind")
    return turn.reply("welcome", "recommend")


async def scan(turn: Turn) -> Reply:
    """Greet a follower who scanned a code of ours."""
    if turn.intent.words.startswith(_BINDING_SCENE):
        return turn.reply("scan_to_bind")
    return turn.reply("scanned", "recommend")


async def unknown(turn: Turn) -> Reply:
    """Perhaps they named an offer; else say what can be said."""
    found = turn.on_sale(turn.intent.words) if turn.intent.words else []
    if found:
        return await show_found(turn, found)
    return turn.reply("unknown", "recommend")


async def language_zh(turn: Turn) -> Reply:
    """Speak Chinese from now on."""
    return _speak(turn, "zh-CN")


async def language_en(turn: Turn) -> Reply:
    """Speak English from now on."""
    return _speak(turn, "en")


def _speak(turn: Turn, locale: str) -> Reply:
    turn.locale = locale
    turn.remember(locale=locale)
    return turn.reply("language")


SKILLS: dict[str, Skill] = {
    "greet": _text("greeting", "recommend", "held"),
    "help": _text("help", "recommend", "held", "orders"),
    "human": _text("human"),
    "thanks": _text("thanks"),
    "why": _text("why"),
    "attachment": _text("only_text", "recommend"),
    "follow": follow,
    "scan": scan,
    "unknown": unknown,
    "language_zh": language_zh,
    "language_en": language_en,
}
