"""Contents of order files on disk, under names of our own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from gateway.capabilities.exchange.errors import ContentDiffers

_PIECE = 1 << 20


class OrderFileFolder:
    """One folder. Its methods block: call them from a thread."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "exchange"

    def path(self, file_id: str, form: str) -> Path:
        """Where a file's content is, once it is whole. `file_id` is ours; nothing a partner says becomes a path."""
        return self._folder / f"{file_id}.{form}"

    def is_whole(self, file_id: str, form: str) -> bool:
        """Whether the content is there."""
        return self.path(file_id, form).is_file()

    def receive(self, file_id: str, form: str, token: str) -> Incoming:
        """Begin to take a content in; `token` tells two who send at once apart."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Incoming(self.path(file_id, form), self._folder / f"{file_id}.{token}.part")

    def copy(self, source: Path, file_id: str, form: str, token: str, digest: str) -> None:
        """Take the content of a local file.

        Raises:
            ContentDiffers: it is not what was announced, having been changed meanwhile.
        """
        incoming = self.receive(file_id, form, token)
        with source.open("rb") as file:
            for piece in iter(lambda: file.read(_PIECE), b""):
                incoming.write(piece)
        incoming.finish(digest, source.stat().st_size)

    def drop(self, file_id: str) -> None:
        """Delete everything of a file."""
        for path in self._of(file_id):
            path.unlink(missing_ok=True)

    def _of(self, file_id: str) -> Iterator[Path]:
        return self._folder.glob(f"{file_id}.*")


class Incoming:
    """A content being written; it appears under its name whole or not at all."""

    def __init__(self, path: Path, part: Path) -> None:
        self._path = path
        self._part = part
        self._file: BinaryIO = open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115 - closed by finish or abandon
        self._digest = sha256()
        self.length = 0

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._file.write(piece)
        self._digest.update(piece)
        self.length += len(piece)

    def finish(self, digest: str, length: int) -> None:
        """Keep it.

        Raises:
            ContentDiffers: digest or length are not these.
        """
        if self.length != length or self._digest.hexdigest() != digest:
            self.abandon()
            raise ContentDiffers(
                {
                    "zh": f"收到 {self.length} 字节，摘要或长度与登记的不符",
                    "en": f"{self.length} bytes came; digest or length differ",
                }
            )
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Keep nothing."""
        self._file.close()
        self._part.unlink(missing_ok=True)
