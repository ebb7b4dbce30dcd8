"""The commands that bring data in: what they print, how they end, and the public data set from file to film."""

import re
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.commands import data

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs" / "examples"
FILMS = ROOT.parent / "shared" / "data" / "movielens-100k"


@pytest.fixture
def tuila(monkeypatch, tmp_path):
    """Runs a command; (exit code, what it printed)."""
    monkeypatch.setenv("TUILA_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    data.register(app)

    def run(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return run


def test_a_new_installation_from_files_to_recommendation(database_url, tuila, tmp_path):
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    database = ("--database-url", database_url)
    assert tuila("import", "offers", ROOT / "config" / "catalog", *database) == (0, "63 offers taken over\n")
    for kind, file, told in (
        ("subscribers", "subscribers.csv", "3 taken over, 2 rejected in"),
        ("orders", "orders.csv", "2 taken over, 1 rejected in"),
        ("usage", "usage.ndjson", "3 taken over, 1 left out by the mapping, 1 rejected in"),
        ("offers", "offers.csv", "1 taken over, 1 rejected in"),
    ):
        code, output = tuila("import", kind, file, "--mapping", f"{Path(file).stem}.toml", *database)
        assert code == 0
        assert told in output
        assert f"each rejected row with its line and reason: {file}.rejected.ndjson" in output
        assert "already done: " in tuila("import", kind, file, "--mapping", f"{Path(file).stem}.toml", *database)[1]
    code, output = tuila("train", *database)
    assert code == 0
    assert "learnt from 3 subscribers: " in output
    code, output = tuila("recommend", "--ref", "C-1001", "-n", "2", *database)
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == ["1", "2"]
    assert "TM-MUSIC-10" not in output, "held already"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import", "usage", "none.csv"], "there is no file none.csv"),
        (["import", "usage", "some.csv"], "nothing gives subscriber, item, at"),
        (["import", "usage", "some.csv", "--mapping", "none.toml"], "there is no mapping file none.toml"),
        (["import", "offers", "bad.toml"], "bad.toml: file: syntax: "),
        (["recommend", "--ref", "nobody"], "there is no subscriber nobody"),
    ],
)
def test_a_mistake_of_the_user_ends_in_a_sentence_and_code_2(database_url, tuila, tmp_path, words, told):
    (tmp_path / "some.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bad.toml").write_text("[[offer]\n")
    code, output = tuila(*words, "--database-url", database_url)
    assert (code, output.count("\n")) == (2, 1)
    assert told in output


def test_a_database_without_a_schema_is_said_to_be_one(tuila, tmp_path):
    (tmp_path / "s.csv").write_text("ref\na\n")
    code, output = tuila("import", "subscribers", "s.csv")
    assert (code, output) == (2, "the database has no tables yet: run `tuila migrate` first\n")


@pytest.mark.skipif(not FILMS.exists(), reason="the film ratings (../shared/data) are not present")
def test_real_ratings_become_films_recommended_with_reasons(database_url, tuila, tmp_path):
    database = ("--database-url", database_url)
    code, output = tuila(
        "import", "usage", FILMS / "u.data", "--mapping", EXAMPLES / "movielens.toml", "--create-subscribers",
        "--report", tmp_path / "rejected", *database,
    )  # fmt: skip
    assert code == 0
    assert output.startswith("55,375 taken over, 44,625 left out by the mapping, 0 rejected")
    code, output = tuila(
        "import", "offers", FILMS / "u.item", "--mapping", EXAMPLES / "movielens-films.toml",
        "--report", tmp_path / "rejected", *database,
    )  # fmt: skip
    assert (code, output.split(" in ")[0]) == (0, "1,682 taken over, 0 rejected")
    code, output = tuila("train", *database)
    assert code == 0
    assert "learnt from 942 subscribers: 1,447 items, 1,447 offers; 942 profiles" in output
    code, output = tuila("recommend", "--ref", "196", "-n", "5", "--locale", "en", *database)
    assert code == 0
    lines = output.splitlines()
    assert len(lines) == 5
    for line in lines:
        assert re.search(r"MOVIE-\d+  .+ \(\d{4}\)  ¥5\.00  score [01]\.\d{3}  You have .+: \d+% of its holders", line)
    recommended = {match[1] for match in map(re.compile(r"MOVIE-(\d+)").search, lines) if match}
    liked = {
        line.split("\t")[1]
        for line in (FILMS / "u.data").read_text("ascii").splitlines()
        if line.startswith("196\t") and int(line.split("\t")[2]) >= 4
    }
    assert not recommended & liked
    assert not list(FILMS.glob("*.rejected.ndjson"))
