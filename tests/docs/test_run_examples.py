import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from docs.run_examples import ExampleFailed, MalformedDocument, check_document, documents, main, matches, read_examples
from tests.waiting import wait_for_blocking


@pytest.fixture
def document(tmp_path):
    def write(text):
        path = tmp_path / "guide.md"
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_commands_are_read_with_their_lines_outputs_and_continuations(document):
    path = document("""\
        # Guide

        <!-- run timeout=5 -->
        ```console
        $ echo one \\
        > two
        one two

        $ true
        ```
        """)
    first, second = read_examples(path)
    assert (first.line, first.command, first.expected, first.timeout) == (5, "echo one \\\ntwo", ["one two", ""], 5)
    assert (second.line, second.command, second.expected) == (9, "true", [])
    assert check_document(path, path.parent) == 2


def test_a_block_without_the_mark_and_a_mark_shown_in_a_block_are_left_alone(document):
    path = document("""\
        ```console
        $ false
        ```

        ```markdown
        <!-- run -->
        ```
        """)
    assert read_examples(path) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("<!-- run -->\n\nwords\n", ":1: expected"),
        ("<!-- run slowly -->\n```console\n$ true\n```\n", ":1: expected"),
        ("<!-- run -->\n```console\n```\n", ":1: the block shows no command"),
        ("<!-- run -->\n```console\nhello\n$ true\n```\n", ":3: output before"),
        ("\n<!-- run -->\n```console\n$ true\n", ":2: the block has no end"),
        ("<!-- run -->", ":1: expected"),
    ],
)
def test_a_mark_that_cannot_be_run_is_refused_with_its_line(document, text, where):
    with pytest.raises(MalformedDocument, match=f"guide.md{where}"):
        read_examples(document(text))


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a", "b", "c"], True),
        (["a", "..."], ["a"], True),
        (["...", "c"], ["a", "b", "c"], True),
        (["a", "...", "c"], ["a", "c"], True),
        (["order ... is ..."], ["order 0193 is completed"], True),
        (["order ... is done"], ["order 0193 is completed"], False),
        (["a.c"], ["abc"], False),
        (["a", ""], ["", "a  "], True),
        (["id ..."], ["id 1", "2"], False),
    ],
)
def test_dots_stand_for_any_text_or_any_lines(expected, actual, same):
    assert matches(expected, actual) is same


def test_commands_share_one_shell_and_an_empty_data_directory(document):
    path = document("""\
        <!-- run -->
        ```console
        $ cd / && word=kept
        $ (echo $word; pwd; ls -A "$TUILA_DATA"; printf 'no newline')
        kept
        /
        no newline
        ```
        """)
    assert check_document(path, path.parent) == 2


def test_settings_of_the_one_who_runs_it_do_not_leak_in(document, monkeypatch):
    monkeypatch.setenv("TUILA_PORT", "1")
    assert check_document(document("<!-- run -->\n```console\n$ echo [$TUILA_PORT]\n[]\n```\n")) == 1


def test_the_programs_beside_this_python_come_first(document):
    text = f"<!-- run -->\n```console\n$ command -v {Path(sys.executable).name}\n{sys.executable}\n```\n"
    assert check_document(document(text)) == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo broken >&2; (exit 3)", "exit status 3; it printed:\n    broken"),
        ("echo other\nshown", "the output is not the one shown; it printed:\n    other"),
        ("exit 0", "it ended the shell"),
        ("echo 'unfinished", "exit status"),
    ],
)
def test_a_failure_names_file_line_and_what_was_printed(document, command, reason):
    text = f"<!-- run -->\n```console\n$ true\n$ {command}\n```\n"
    with pytest.raises(ExampleFailed, match=r"guide\.md:4: \$ ") as failure:
        check_document(document(text))
    assert reason in str(failure.value)


def test_a_command_that_reads_gets_nothing_rather_than_the_commands_after_it(document):
    assert check_document(document("<!-- run -->\n```console\n$ cat\n$ echo next\nnext\n```\n")) == 2


def test_a_command_that_does_not_end_fails_in_its_time(document):
    with pytest.raises(ExampleFailed, match=r"guide\.md:3: .*\n  no end after 0\.1 s; it printed:\n    begun"):
        check_document(document("<!-- run timeout=0.1 -->\n```console\n$ echo begun; sleep 600\n```\n"))


def test_a_background_job_lasts_through_the_document_and_no_longer(document, tmp_path):
    noted = tmp_path / "pid"
    path = document(f"""\
        <!-- run -->
        ```console
        $ sleep 600 & echo $! > {noted}
        $ kill -0 $(cat {noted}) && echo running
        running
        ```
        """)
    assert check_document(path) == 2

    def is_gone():
        try:
            os.kill(int(noted.read_text()), 0)
        except ProcessLookupError:
            return True
        return False

    wait_for_blocking(is_gone)


def test_the_program_reports_every_failing_document_and_fails(document, tmp_path, capsys):
    failing = document("<!-- run -->\n```console\n$ false\n```\n")
    passing = tmp_path / "other.md"
    passing.write_text("<!-- run -->\n```console\n$ true\n```\n")
    assert main([str(failing), str(passing)]) == 1
    told = capsys.readouterr()
    assert "guide.md:3: $ false" in told.err
    assert "other.md: 1 commands do what the text says" in told.out
    assert main([str(passing)]) == 0


def test_it_runs_as_a_program(document):
    program = Path(__file__).parents[2] / "docs" / "run_examples.py"
    path = document("<!-- run -->\n```console\n$ false\n```\n")
    answer = subprocess.run([sys.executable, program, path], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "exit status 1" in answer.stderr


def test_every_document_can_be_read():
    for path in documents():
        read_examples(path)
