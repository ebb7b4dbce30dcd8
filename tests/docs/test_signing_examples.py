"""The signing examples partners copy get every published test vector right, each in its own interpreter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples" / "signed-requests"
PUBLISHED = json.loads((DOCS / "vectors" / "signed-request.json").read_text("utf-8"))
COMMANDS = {
    "sign.sh": ("bash",),
    "sign.py": (sys.executable,),
    "sign.mjs": ("node",),
    "Sign.java": ("java",),
    "sign.php": ("php",),
}


def command(example: str, classes: Path) -> list[str]:
    """What runs the example here; skips where its interpreter is missing."""
    program = COMMANDS[example][0]
    if shutil.which(program) is None or (example == "sign.sh" and shutil.which("openssl") is None):
        pytest.skip(f"{program} is not installed: {example} was not run")
    if example == "Sign.java":
        modules = subprocess.run(["java", "--list-modules"], capture_output=True, text=True, timeout=60, check=False)
        if "jdk.compiler" not in modules.stdout:
            pytest.skip("this java has no compiler (a JRE, not a JDK): Sign.java was not run")
        compiler = ["java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-d", str(classes)]
        subprocess.run([*compiler, str(EXAMPLES / example)], check=True, timeout=60)  # once, not for every vector
        return ["java", "-XX:TieredStopAtLevel=1", "-cp", str(classes), "Sign"]
    return [program, str(EXAMPLES / example)]


def test_every_example_has_its_command():
    assert {path.name for path in EXAMPLES.iterdir()} == COMMANDS.keys()


@pytest.mark.parametrize("example", COMMANDS)
def test_an_example_gets_every_vector(example: str, tmp_path: Path):
    start = command(example, tmp_path)
    environment = {**os.environ, "TUILA_CLIENT": PUBLISHED["client"], "TUILA_SECRET": PUBLISHED["secret"]}
    for vector in PUBLISHED["vectors"]:
        arguments = [vector["method"], vector["target"], str(vector["timestamp"]), vector["nonce"]]
        done = subprocess.run(
            [*start, *arguments], input=vector["body"].encode(), env=environment, capture_output=True, timeout=60, check=False
        )  # fmt: skip
        assert (done.stdout.decode().strip(), done.stderr.decode()) == (vector["authorization"], ""), vector["name"]
