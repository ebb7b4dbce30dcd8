"""A month in requests and answers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Month = Annotated[str, Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="YYYY-MM, Asia/Shanghai.")]
