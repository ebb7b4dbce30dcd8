"""What keeps an import from beginning or going on."""

from __future__ import annotations


class ImportRefused(Exception):
    """The file, its mapping or the database is not what the import needs; the message is a sentence."""
