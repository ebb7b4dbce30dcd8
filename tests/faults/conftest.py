"""Processes to kill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.warm_starts import WarmStarts


@pytest.fixture(scope="session")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmStarts]:
    """Starts gateway processes, and leaves none behind."""
    warm = WarmStarts(tmp_path_factory.mktemp("starts") / "parent.log")
    yield warm
    warm.close()
