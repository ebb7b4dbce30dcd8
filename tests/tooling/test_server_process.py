import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.fixtures.server_process import ServerDied, free_tcp_port, server_process
from tests.waiting import wait_for_blocking


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    with (
        pytest.raises(ServerDied, match="no such option"),
        server_process(command, log=tmp_path / "log", is_ready=lambda: False),
    ):
        pass


def test_a_server_is_asked_to_stop_when_its_block_ends(tmp_path):
    ready = tmp_path / "ready"
    program = f"import pathlib, signal; pathlib.Path({str(ready)!r}).touch(); signal.pause()"
    with server_process([sys.executable, "-c", program], log=tmp_path / "log", is_ready=ready.exists) as process:
        assert process.poll() is None
    assert process.returncode == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_server_dies_with_a_test_process_that_is_killed(tmp_path):
    owner = textwrap.dedent(f"""
        import os, pathlib, signal, sys
        from tests.fixtures.server_process import server_process
        with server_process(["sleep", "600"], log=pathlib.Path({str(tmp_path / "log")!r}), is_ready=lambda: True) as server:
            print(server.pid, flush=True)
            signal.pause()
    """)
    with subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server_pid = int(process.stdout.readline())
        process.kill()

    def is_gone():
        try:
            status = Path(f"/proc/{server_pid}/status").read_text()
        except FileNotFoundError:
            return True
        return "State:\tZ" in status  # dead, and its adopter has not looked yet

    wait_for_blocking(is_gone)


def test_a_free_port_can_be_listened_on(free_port):
    assert 1024 < free_port < 65536
    assert free_port != free_tcp_port()
