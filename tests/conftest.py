"""What every test can ask for. The fixtures are in tests/fixtures, one file each kind."""

import pytest
from hypothesis import settings

from tests.fixtures.server_process import free_tcp_port

pytest_plugins = [
    "tests.fixtures.browser",
    "tests.fixtures.network",
    "tests.fixtures.postgresql",
    "tests.fixtures.database",  # each of those from here on imports parts of one above
    "tests.fixtures.redis",
    "tests.fixtures.world",
    "tests.fixtures.sign_in",
]

# A slow moment of a busy machine is not a finding; pytest-timeout bounds the test as a whole.
settings.register_profile("tuila", deadline=None, print_blob=True)
settings.load_profile("tuila")


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on. Where the server can take port 0 itself, let it."""
    return free_tcp_port()
