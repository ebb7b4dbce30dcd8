"""Floor and product, each in its own process, in turn: the machine's moods hit both."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from bench.load import Load

ROUNDS = 5
_out = Console(width=110, highlight=False)


@contextlib.contextmanager
def served(module: str, *arguments: str) -> Iterator[int]:
    """Run `python -m MODULE serve …` until the block ends; gives the port it prints. Where it runs is the kernel's choice."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "serve", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise RuntimeError(f"{module} serve {' '.join(arguments)} did not start")
        yield int(line)
    finally:
        process.terminate()
        process.wait(30)


def compare(
    name: str, floor: Callable[[], Load], product: Callable[[], Load], *, rounds: int = ROUNDS, share_p99: bool = False
) -> float:
    """Print each round's figures, then `ratio NAME VALUE`: the median over rounds of product rate / floor rate."""
    floor(), product()  # the first run of each warms caches and is not counted
    ratios, tails = [], []
    for number in range(1, rounds + 1):
        base, ours = floor(), product()
        if base.refused or ours.refused:
            raise RuntimeError(f"refused: floor {base.refused}, product {ours.refused}")
        ratios.append(ours.rate / base.rate)
        tails.append(ours.p99_ms / base.p99_ms)
        _out.print(
            f"{name} round {number}: floor {base.rate:7.0f}/s p50 {base.p50_ms:6.2f} p99 {base.p99_ms:6.2f} ms | "
            f"product {ours.rate:7.0f}/s p50 {ours.p50_ms:6.2f} p99 {ours.p99_ms:6.2f} ms | ratio {ratios[-1]:.3f}"
        )
    if share_p99:
        _out.print(f"ratio {name}-p99 {statistics.median(tails):.3f}")
    ratio = statistics.median(ratios)
    _out.print(f"ratio {name} {ratio:.3f}")
    return ratio
