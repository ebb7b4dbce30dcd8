"""Directions of imports that import-linter's contracts (pyproject.toml) cannot express."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CAPABILITIES = "gateway.capabilities"


def imported_modules(source):
    """Every absolute module a source may import, with its line; for `from a import b` both `a` and `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_module(root, name):
    path = root.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def capability_trespasses(root):
    """Imports by one capability folder of another's inner modules."""
    folder = root.joinpath(*CAPABILITIES.split("."))
    for path in sorted(folder.rglob("*.py")):
        own = path.relative_to(folder).parts[0]
        for line, module in imported_modules(path.read_text()):
            below = module.removeprefix(f"{CAPABILITIES}.").split(".")
            if module.startswith(f"{CAPABILITIES}.") and len(below) > 1 and below[0] != own and is_module(root, module):
                yield f"{path.relative_to(root)}:{line}: {module}"


def test_a_capability_reaches_another_only_through_its_folder():
    assert list(capability_trespasses(ROOT)) == []


@pytest.fixture
def tree(tmp_path):
    def write(files):
        for name, text in files.items():
            path = tmp_path / "gateway" / "capabilities" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    "statement",
    [
        "from gateway.capabilities.offers.tables import offers",
        "from gateway.capabilities.offers import tables",
        "import gateway.capabilities.offers.tables",
        "def late():\n    from gateway.capabilities.offers.tables import offers",
    ],
)
def test_an_inner_module_of_another_capability_is_noticed(tree, statement):
    root = tree({"offers/__init__.py": "", "offers/tables.py": "", "orders/capability.py": statement})
    (found,) = set(capability_trespasses(root))
    assert found.startswith("gateway/capabilities/orders/capability.py:")


@pytest.mark.parametrize(
    "statement",
    [
        "from gateway.capabilities.offers import live_offer",
        "from gateway.capabilities import offers",
        "from gateway.capabilities.orders.tables import orders",
        "from gateway.store.tables import metadata",
    ],
)
def test_public_functions_and_a_folders_own_modules_may_be_imported(tree, statement):
    root = tree({"offers/__init__.py": "", "orders/tables.py": "", "orders/capability.py": statement})
    assert list(capability_trespasses(root)) == []
