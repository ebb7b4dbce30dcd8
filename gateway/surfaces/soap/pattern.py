r"""Python's regular expressions in the syntax of XML Schema.

The two differ: a Python pattern is searched for, one of a schema matches the whole text; there are no anchors, groups
by name, look-arounds; `.`, `\s` and `\w` mean other sets of characters. What a schema cannot say is left out, so that
a schema never refuses what the gateway would take (but a line feed at the very end, where Python's `$` allows one).

Source: XML Schema 1.0 part 2, appendix F; XML 1.0 §2.2 (Char).
"""

from __future__ import annotations

import re
from typing import NoReturn

_LEGAL = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
"""The characters that XML can hold."""
_ANYTHING = r"[\s\S]*"
_OUTSIDE_A_CLASS = {"d": r"\d", "D": r"\D", "s": "[\\s\\p{Z}\x85]", "S": r"\S", "w": r"[\w_]"}
_INSIDE_A_CLASS = {"d": r"\d", "D": r"\D", "s": "\\s\\p{Z}\x85", "S": r"\S", "w": r"\w_"}
_INSIDE_A_NEGATED_CLASS = {"d": r"\d", "D": r"\D", "s": r"\s"}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_QUANTIFIER = re.compile(r"([*+?]|\{\d+(?:,\d*)?\}|\{,\d+\})(\??)(?!\+)")
_WIDTHS = {"x": 2, "u": 4, "U": 8}
_SPECIAL = frozenset("\\|.?*+(){}[]^-")


class _Inexpressible(Exception):
    """A schema cannot say this."""


def to_xsd(pattern: str) -> str | None:
    """The pattern for `xs:pattern`, or None where there is none that takes all that Python's takes."""
    try:
        return _Translation(pattern).whole()
    except (_Inexpressible, ValueError, IndexError):
        return None


class _Translation:
    """One pass over a pattern."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def whole(self) -> str:
        branches = self._branches(anchored=True)
        if self._at < len(self._text):
            _give_up()
        return "|".join(branches)

    def _branches(self, *, anchored: bool) -> list[str]:
        """Alternatives up to the end or a closing parenthesis; `anchored` ones may begin with ^ and end with $."""
        found = [self._branch(anchored=anchored)]
        while self._next("|"):
            found.append(self._branch(anchored=anchored))
        return found

    def _branch(self, *, anchored: bool) -> str:
        begins = anchored and self._next("^")
        parts: list[str] = []
        ends = False
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            if anchored and self._text[self._at] == "$":
                self._at += 1
                ends = True
                if self._at < len(self._text) and self._text[self._at] != "|":
                    _give_up()
                break
            parts.append(self._piece())
        inner = "".join(parts)
        if not anchored:
            return inner
        return f"{'' if begins else _ANYTHING}{inner}{'' if ends else _ANYTHING}"

    def _piece(self) -> str:
        atom = self._atom()
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None:
            if self._at < len(self._text) and self._text[self._at] in "*+?":
                _give_up()  # possessive
            return atom
        self._at = found.end()
        quantifier = found[1]
        return atom + (f"{{0,{quantifier[2:]}" if quantifier.startswith("{,") else quantifier)

    def _atom(self) -> str:
        letter = self._take()
        if letter == "(":
            return self._group()
        if letter == "[":
            return self._class()
        if letter == ".":
            return r"[^\n]"
        if letter == "\\":
            return self._escape()
        if letter in "^$*+?{":
            _give_up()
        return _literal(ord(letter))

    def _group(self) -> str:
        if self._next("?") and not self._next(":"):
            _give_up()
        inner = "|".join(self._branches(anchored=False))
        if not self._next(")"):
            _give_up()
        return f"({inner})"

    def _escape(self) -> str:
        letter = self._take()
        if letter in _OUTSIDE_A_CLASS:
            return _OUTSIDE_A_CLASS[letter]
        return _literal(self._escaped(letter))

    def _escaped(self, letter: str) -> int:
        """The character that an escape stands for."""
        if letter in _WIDTHS:
            digits = self._text[self._at : self._at + _WIDTHS[letter]]
            self._at += _WIDTHS[letter]
            return int(digits, 16)
        if letter in _CONTROLS:
            return ord(_CONTROLS[letter])
        if letter.isalnum():
            _give_up()  # a back reference, a word boundary, an anchor
        return ord(letter)

    def _class(self) -> str:
        negated = self._next("^")
        sets = _INSIDE_A_NEGATED_CLASS if negated else _INSIDE_A_CLASS
        parts: list[str] = []
        first = True
        while first or self._text[self._at] != "]":
            first = False
            letter = self._take()
            if letter == "\\" and self._text[self._at] in "dDsSwW":
                parts.append(sets.get(self._take()) or _give_up())
                continue
            low = self._escaped(self._take()) if letter == "\\" else ord(letter)
            high = low
            if self._text[self._at] == "-" and self._text[self._at + 1] != "]":
                self._at += 1
                letter = self._take()
                high = self._escaped(self._take()) if letter == "\\" else ord(letter)
            parts += _legal_range(low, high)
        self._at += 1
        if not parts:
            return r"[\s\S]" if negated else _give_up()
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _take(self) -> str:
        letter = self._text[self._at]
        self._at += 1
        return letter

    def _next(self, letter: str) -> bool:
        found = self._text.startswith(letter, self._at)
        self._at += len(letter) if found else 0
        return found


def _legal_range(low: int, high: int) -> list[str]:
    """The range without what XML cannot hold, in pieces."""
    cut = [(max(low, first), min(high, last)) for first, last in _LEGAL if max(low, first) <= min(high, last)]
    return [_literal(first) if first == last else f"{_literal(first)}-{_literal(last)}" for first, last in cut]


def _literal(code: int) -> str:
    if not any(first <= code <= last for first, last in _LEGAL):
        _give_up()
    letter = chr(code)
    return {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(letter) or (f"\\{letter}" if letter in _SPECIAL else letter)


def _give_up() -> NoReturn:
    raise _Inexpressible
