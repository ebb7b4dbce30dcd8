"""What the SMS network takes as a message."""

import re

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
LONGEST_TEXT = 500


def fault_of(to: str, text: str) -> str | None:
    """The network's code for what is wrong with a message; None if nothing is."""
    if _E164.fullmatch(to) is None:
        return "invalid_number"
    if not 0 < len(text) <= LONGEST_TEXT:
        return "invalid_text"
    return None
