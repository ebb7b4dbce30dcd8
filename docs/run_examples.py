"""Run the commands that README.md and docs/ show, and compare what they print with what is shown.

A block is run when the line above it is `<!-- run -->`:

    <!-- run -->
    ```console
    $ tuila --version
    tuila ...
    ```

A line beginning with `$ ` is a command, `> ` continues it. What stands beneath is the expected output: `...` inside a line
stands for any text, `...` alone on a line for any number of lines. Without expected output only success is asked for.
`<!-- run timeout=120 -->` gives the block's commands more than the usual 60 seconds each.

The commands of one document run in order in one bash, started in the repository: variables, `cd` and background
jobs last until its end. Documents run side by side, one a processor, so none may take a port or a file of a fixed name. TUILA_DATA is an empty directory, and no other TUILA_ variable is set.

    python docs/run_examples.py [FILE ...]     (all documents when none is named)
"""

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_TIMEOUT = 60.0
"""Seconds one command may take."""

_MARKER = re.compile(r"<!--\s*run(?:\s+timeout=(?P<timeout>\d+(?:\.\d+)?))?\s*-->")
_MARKER_ATTEMPT = re.compile(r"<!--\s*run\b")
_FENCE = "```console"


class MalformedDocument(Exception):
    """A document marks something that cannot be run."""


class ExampleFailed(Exception):
    """A shown command failed, took too long, or printed something else."""


@dataclass
class Example:
    """One command of a document, with the output shown beneath it."""

    path: Path
    line: int
    command: str
    timeout: float = DEFAULT_TIMEOUT
    expected: list[str] = field(default_factory=list)


def read_examples(path: Path) -> list[Example]:
    """The marked commands of one document, in order.

    Raises:
        MalformedDocument: a marker without a console block beneath, or a block without a command or an end.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    examples: list[Example] = []
    quoted = False  # inside a block that is not run, where a marker is only shown
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        if line.startswith("```"):
            quoted = not quoted
        elif not quoted and _MARKER_ATTEMPT.match(line):
            marker = _MARKER.fullmatch(line.strip())
            if marker is None or number >= len(lines) or lines[number].strip() != _FENCE:
                raise MalformedDocument(f"{path}:{number}: expected {_FENCE} beneath <!-- run [timeout=SECONDS] -->")
            next(numbered)
            timeout = float(marker["timeout"] or DEFAULT_TIMEOUT)
            examples.extend(_read_block(path, number, timeout, numbered))
    return examples


def _read_block(path: Path, start: int, timeout: float, numbered: Iterator[tuple[int, str]]) -> list[Example]:
    examples: list[Example] = []
    for number, line in numbered:
        if line.startswith("```"):
            if not examples:
                raise MalformedDocument(f"{path}:{start}: the block shows no command")
            return examples
        if line.startswith("$ "):
            examples.append(Example(path, number, line.removeprefix("$ "), timeout))
        elif not examples:
            raise MalformedDocument(f"{path}:{number}: output before the first command")
        elif line.startswith("> ") and not examples[-1].expected:
            examples[-1].command += "\n" + line.removeprefix("> ")
        else:
            examples[-1].expected.append(line.rstrip())
    raise MalformedDocument(f"{path}:{start}: the block has no end")


def matches(expected: Sequence[str], actual: Sequence[str]) -> bool:
    """Whether the output is as shown; spaces at the end of a line and blank lines at both ends do not count."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else ".*?".join(map(re.escape, line.rstrip().split("..."))) + r"[ \t]*\n"
        for line in _trimmed(expected)
    )
    text = "".join(f"{line.rstrip()}\n" for line in _trimmed(actual))
    return re.fullmatch(pattern, text) is not None


def _trimmed(lines: Sequence[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[0].strip():
        del kept[0]
    while kept and not kept[-1].strip():
        del kept[-1]
    return kept


class Shell:
    """One bash that runs commands one after the other; leaving the block ends it and every process it started."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._end_mark = f"end-of-command-{os.getpid()}-{time.monotonic_ns()}"
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],  # noqa: S607 - the reader's bash, found as the reader's shell finds it
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signal_all(signal.SIGTERM)
        if not self._all_ended_within(10.0):
            self._signal_all(signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _signal_all(self, wanted: int) -> bool:
        """Whether anybody was there to get it; signal 0 only asks."""
        try:
            os.killpg(self._process.pid, wanted)
        except ProcessLookupError:
            return False
        return True

    def _all_ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._process.poll()  # takes the ended bash off the list of processes
            if not self._signal_all(0):
                return True
            time.sleep(0.02)
        return False

    def run(self, command: str, timeout: float) -> tuple[int, list[str]]:
        """The command's exit status and the lines it printed to both outputs.

        Raises:
            TimeoutError: it did not end in `timeout` seconds.
            EOFError: it ended the shell.
        """
        assert self._process.stdin is not None
        # eval keeps an unfinished quote inside this command; </dev/null keeps it from reading the next one.
        script = f"eval {shlex.quote(command)} </dev/null 2>&1\nprintf '\\n%s %d\\n' {self._end_mark} $?\n"
        self._process.stdin.write(script.encode())
        self._process.stdin.flush()
        printed, status = self._read_to_end_mark(time.monotonic() + timeout)
        return status, printed.splitlines()

    def _read_to_end_mark(self, deadline: float) -> tuple[str, int]:
        assert self._process.stdout is not None
        end = re.compile(rb"\n" + re.escape(self._end_mark.encode()) + rb" (\d+)\n")
        received = b""
        while (found := end.search(received)) is None:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(received.decode(errors="replace"))
            chunk = os.read(self._process.stdout.fileno(), 65536)
            if not chunk:
                raise EOFError(received.decode(errors="replace"))
            received += chunk
        return received[: found.start()].decode(errors="replace"), int(found[1])


def check(example: Example, shell: Shell) -> None:
    """Run one example.

    Raises:
        ExampleFailed: names the file and line, and shows what was printed.
    """
    try:
        status, printed = shell.run(example.command, example.timeout)
    except TimeoutError as error:
        raise _failure(example, f"no end after {example.timeout:g} s", str(error).splitlines()) from error
    except EOFError as error:
        raise _failure(example, "it ended the shell", str(error).splitlines()) from error
    if status != 0:
        raise _failure(example, f"exit status {status}", printed)
    if _trimmed(example.expected) and not matches(example.expected, printed):
        raise _failure(example, "the output is not the one shown", printed)


def _failure(example: Example, what: str, printed: Sequence[str]) -> ExampleFailed:
    output = "".join(f"\n    {line}" for line in printed[-40:]) or " nothing"
    return ExampleFailed(f"{example.path}:{example.line}: $ {example.command}\n  {what}; it printed:{output}")


def environment_for(data: Path) -> dict[str, str]:
    """The surroundings of a document's commands: this one's, without settings of an installation, and with ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TUILA_")}
    programs = Path(sys.executable).parent  # not resolved: a virtual environment's python is a link to another place
    return kept | {"PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}", "TUILA_DATA": str(data)}


def check_document(path: Path, directory: Path = ROOT) -> int:
    """Run the examples of one document; how many there were. Raises what `read_examples` and `check` raise."""
    examples = read_examples(path)
    if not examples:
        return 0
    with (
        tempfile.TemporaryDirectory(prefix="tuila-docs-") as data,
        Shell(directory, environment_for(Path(data))) as shell,
    ):
        for example in examples:
            check(example, shell)
    return len(examples)


def documents() -> list[Path]:
    """README.md and every document of docs/."""
    return [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()]


def main(arguments: Sequence[str]) -> int:
    """Check the named documents, or all; 1 when any example failed."""
    failed = False
    paths = [Path(name) for name in arguments] or documents()
    with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
        for path, checked in [(path, side_by_side.submit(check_document, path)) for path in paths]:
            try:
                count = checked.result()
            except (ExampleFailed, MalformedDocument) as error:
                failed = True
                print(error, file=sys.stderr)
            else:
                if count:
                    print(f"{path.name}: {count} commands do what the text says", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
