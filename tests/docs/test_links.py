"""Links of the documents lead to files and headings that exist."""

import re
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text_of(path):
    """The document without its code blocks."""
    return re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(path):
    """The anchors that a forge gives to the headings of a document."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE):
        letters = (one for one in heading.lower() if one in " -_" or unicodedata.category(one)[0] in "LN")
        found.add("".join(letters).replace(" ", "-"))
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = document if not path else document.parent / path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_the_picture_is_small_enough_to_load_at_once():
    assert (ROOT / "docs" / "pictures" / "tour.png").stat().st_size < 300_000
