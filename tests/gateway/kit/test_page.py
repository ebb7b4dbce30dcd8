"""Pages cut from what was read, laid end to end, are what there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.kit.page import cut


@given(st.sets(st.text(min_size=1, max_size=3)), st.integers(1, 5))
def test_pages_hold_everything_once_and_end(names: set[str], limit: int) -> None:
    there, seen, cursor = sorted(names), [], ""
    while True:
        found = [name for name in there if name > cursor][: limit + 1]
        page, further = cut(found, limit, lambda name: name)
        assert len(page) <= limit
        seen += page
        if further is None:
            break
        cursor = further
    assert seen == there
