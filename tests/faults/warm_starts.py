"""A parent of gateway processes that has done their imports: each start is a fork that runs the command line.

Started by the import a gateway takes over a second; fifty kills would be a minute of imports. What a fork runs is
the same `tuila run`, as a process of its own with its own log, and a SIGKILL finds it as it finds any other.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_ROOT = Path(__file__).parents[2]


class WarmStarts:
    """The test's side: asks the parent for processes."""

    def __init__(self, log: Path) -> None:
        with log.open("wb") as errors:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.warm_starts"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=_ROOT,
                start_new_session=True,
                text=True,
            )

    def start(self, environment: Mapping[str, str], log: Path) -> int:
        """Start `tuila run` in this environment; its process id. `log` gets what it prints, after what is there."""
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.write(json.dumps({"environment": dict(environment), "log": str(log)}) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def close(self) -> None:
        """End the parent, and with it what it started and nobody ended."""
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait(timeout=20)
        self._parent.stdout.close()


def _serve_starts() -> None:
    from gateway import cli

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave nothing behind: their ids are free at once
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become_gateway(wanted["environment"], wanted["log"])
            cli.main()
            return
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become_gateway(environment: Mapping[str, str], log: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, target)
    sys.argv = ["tuila", "run"]


if __name__ == "__main__":
    _serve_starts()
