"""Where the payloads for the WeChat tests are: our own, and a larger collection beside the checkout where present."""

import json
from pathlib import Path
from typing import Any

import pytest

OWN = Path(__file__).parents[1] / "payloads" / "wechat"
COLLECTION = Path(__file__).parents[3] / "shared" / "data" / "wechat"

_ABSENT = pytest.mark.skip(reason="the WeChat payload collection (../shared/data/wechat) is not present")


def collected(pattern: str = "*.xml") -> list[Any]:
    """Parameters: each file of the collection that matches, or one that is skipped with the reason."""
    paths = sorted((COLLECTION / "callbacks").glob(pattern))
    return [pytest.param(path, id=path.stem) for path in paths] or [pytest.param(None, id="absent", marks=_ABSENT)]


def vectors() -> list[Any]:
    """Parameters: each vector of the collection's crypto.json, or one that is skipped with the reason."""
    path = COLLECTION / "crypto.json"
    if not path.exists():
        return [pytest.param(None, id="absent", marks=_ABSENT)]
    return [pytest.param(vector, id=f"vector-{n}") for n, vector in enumerate(json.loads(path.read_text()), 1)]
