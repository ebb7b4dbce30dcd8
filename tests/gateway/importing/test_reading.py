"""Files come as text columns with the line of every record, whatever they are written in."""

import gzip
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.importing import ImportRefused
from gateway.importing.mapping import Format, SourceMapping
from gateway.importing.reading import LIST_SEPARATOR, WHOLE, Source


def read(file, wanted=None, *, skip=0, size=3, **written):
    """(lines, columns, broken) of the file from the place `skip` on."""
    chunks = list(Source(file, SourceMapping(Format(**written)), wanted).chunks(skip, size))
    lines = [line for chunk in chunks for line in chunk.lines]
    columns: dict[str, list] = {}
    for chunk in chunks:
        for name, values in chunk.columns.items():
            columns.setdefault(name, []).extend(values.to_pylist())
    return lines, columns, [one for chunk in chunks for one in chunk.broken]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_record_is_named_by_the_line_it_begins_on(write):
    file = write("a.csv", 'ref,name\n1,one\n\n2,"two\nlines"\n3,three\n')
    lines, columns, broken = read(file)
    assert lines == [2, 4, 6]
    assert columns == {"ref": ["1", "2", "3"], "name": ["one", "two\nlines", "three"]}
    assert broken == []


def test_a_record_of_another_width_is_broken_and_the_others_are_not(write):
    lines, columns, broken = read(write("a.csv", "a,b\n1,2\n1,2,3\n4\n5,6\n"))
    assert lines == [2, 5]
    assert columns["a"] == ["1", "5"]
    assert [(one.line, one.reason) for one in broken] == [
        (3, "there are 3 columns, not 2"),
        (4, "there are 1 columns, not 2"),
    ]


def test_a_quote_that_never_closes_costs_its_own_stretch_and_not_the_memory(write):
    filler = "".join(f"{number},x\n" for number in range(60_000))
    lines, _, broken = read(write("a.csv", f'a,b\n1,"never\n{filler}'), size=20_000)
    assert broken[0].line == 2
    assert "cannot be read" in broken[0].reason
    assert len(lines) > 10_000


def test_bytes_outside_the_encoding_break_only_their_own_record(write):
    _, columns, broken = read(write("a.csv", b"a,b\n1,ok\n2,\xff\xfe\n3,fine\n"))
    assert columns["a"] == ["1", "3"]
    assert [(one.line, one.reason) for one in broken] == [(3, "there are bytes that are not utf-8")]


@pytest.mark.parametrize(("encoding", "text"), [("gb18030", "推拉"), ("latin-1", "Amélie"), ("utf-16", "推拉")])
def test_other_encodings_are_read(write, encoding, text):
    assert read(write("a.csv", f"a,b\n1,{text}\n".encode(encoding)), encoding=encoding)[1]["b"] == [text]


def test_a_byte_order_mark_is_no_part_of_the_first_column(write):
    assert list(read(write("a.csv", "a,b\n1,2\n".encode("utf-8-sig")))[1]) == ["a", "b"]


def test_tabs_bars_no_header_and_quotes_as_ordinary_characters(write):
    assert read(write("a.tsv", "a\tb\n1\t2\n"))[1] == {"a": ["1"], "b": ["2"]}
    bars = read(
        write("a.dat", '1|"Sling Blade"\n'), kind="csv", delimiter="|", quote="", header=False, columns=["n", "t"]
    )
    assert bars[1] == {"n": ["1"], "t": ['"Sling Blade"']}


def test_a_packed_file_is_unpacked_on_the_way(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a\n1\n2\n"))
    assert read(path)[1] == {"a": ["1", "2"]}
    path.write_bytes(gzip.compress(b"a\n1\n2\n" * 1000)[:-20])
    with pytest.raises(ImportRefused, match="damaged"):
        read(path, size=100_000)


def test_empty_cells_and_blanks_are_nothing(write):
    assert read(write("a.csv", "a,b\n , x \n"))[1] == {"a": [None], "b": ["x"]}


def test_json_lines_give_the_wanted_columns_as_text(write):
    rows = [{"a": 1, "b": [True, "x"]}, {"a": None}, {"a": 1.5, "b": {"c": 1}}]
    file = write("a.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
    lines, columns, _ = read(file, ["a", "b"])
    assert lines == [1, 2, 3]
    assert columns == {"a": ["1", None, "1.5"], "b": [f"true{LIST_SEPARATOR}x", None, '{"c":1}']}
    assert json.loads(read(file)[1][WHOLE][0]) == rows[0]


def test_lines_that_are_not_json_objects_are_broken(write):
    lines, _, broken = read(write("a.ndjson", b'{"a": 1}\nnot json\n\n[1]\n\xff\n{"a": 2}'), ["a"])
    assert lines == [1, 6]
    assert [one.line for one in broken] == [2, 4, 5]
    assert all("is not JSON" in one.reason for one in broken)


def test_parquet_columns_of_every_kind_become_text(tmp_path):
    path = tmp_path / "a.parquet"
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    table = pa.table(
        {
            "n": [1, 2, None],
            "f": [1.5, None, 2.0],
            "t": pa.array([moment, None, moment], pa.timestamp("us", "UTC")),
            "d": [date(2026, 1, 2), None, None],
            "l": [["a", "b"], [], None],
            "c": pa.array(["x", "y", "x"]).dictionary_encode(),
        }
    )
    pq.write_table(table, path)
    lines, columns, _ = read(path, size=2)
    assert lines == [1, 2, 3]
    assert columns["n"] == ["1", "2", None]
    assert columns["t"][0].startswith("2026-01-02 03:04:05")
    assert columns["d"] == ["2026-01-02", None, None]
    assert columns["l"] == [f"a{LIST_SEPARATOR}b", "", None]
    assert columns["c"] == ["x", "y", "x"]


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson", "a.parquet"])
@pytest.mark.parametrize("skip", [0, 1, 3, 7, 10, 12])
def test_reading_from_a_place_gives_what_comes_after_it(tmp_path, name, skip):
    path = tmp_path / name
    if name == "a.csv":
        path.write_text("a,b\n" + "".join(f'{n},"{n}\n"\n' for n in range(10)))
    elif name == "a.ndjson":
        path.write_text("".join(f'{{"a": {n}}}\n' for n in range(10)))
    else:
        pq.write_table(pa.table({"a": range(10)}), path, row_group_size=4)
    everything, columns, _ = read(path, ["a"])
    lines, rest, _ = read(path, ["a"], skip=skip)
    assert lines == everything[skip:]
    assert rest.get("a", []) == columns["a"][skip:]


@pytest.mark.parametrize(
    ("name", "content", "wanted", "words"),
    [
        ("a.csv", "a,b\n", ["c"], "a.csv has no column c; it has: a, b"),
        ("a.xyz", "a,b\n", None, "the name does not say how it is written"),
        ("a.parquet", "a,b\n", None, "a.parquet is not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(write, name, content, wanted, words):
    with pytest.raises(ImportRefused, match=words):
        read(write(name, content), wanted)


def test_other_refusals(tmp_path, write):
    with pytest.raises(ImportRefused, match="there is no file"):
        read(tmp_path / "none.csv")
    with pytest.raises(ImportRefused, match="no header"):
        read(write("a.csv", "1,2\n"), header=False)
    with pytest.raises(ImportRefused, match="encoding"):
        read(write("a.csv", "1,2\n"), encoding="klingon")
