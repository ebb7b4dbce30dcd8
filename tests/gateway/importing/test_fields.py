"""Text becomes moments, numbers, dates and lists; what does not is named in words."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from gateway.importing import ImportRefused
from gateway.importing.fields import Field, fit, mapping_for
from gateway.importing.mapping import Expression, SourceMapping, read_mapping


def one_field(kind, texts, required=False, **options):
    """(values, problems, left out) of one field read from `texts`."""
    field = Field("it", kind, required)
    mapping = SourceMapping(fields={"it": Expression("c", **options)})
    found = fit((field,), mapping_for((field,), mapping, ["c"]), {"c": pa.array(texts, pa.string())}, len(texts))
    return found.columns["it"].to_pylist(), found.problems, found.left_out.to_pylist()


def moment(year, month, day, hour=0, minute=0, second=0, microsecond=0):
    return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-02T03:04:05Z", moment(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02 03:04:05.25+08:00", moment(2026, 1, 1, 19, 4, 5, 250_000)),
        ("2026-01-02T03:04+0800", moment(2026, 1, 1, 19, 4)),
        ("2026-01-02 03:04:05", moment(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02", moment(2026, 1, 2)),
    ],
)
def test_moments_as_iso_8601_writes_them(text, value):
    assert one_field("moment", [text, None])[0] == [value, None]


def test_a_moment_without_a_zone_is_of_the_mappings():
    values, problems, _ = one_field("moment", ["2026-01-02 08:00:00", "2026-01-02T00:00:00Z"], zone="Asia/Shanghai")
    assert values == [moment(2026, 1, 2), moment(2026, 1, 2)]
    assert problems == {}


@pytest.mark.parametrize(("unit", "text"), [("s", "881250949"), ("ms", "881250949000"), ("us", "8.81250949e14")])
def test_moments_as_numbers(unit, text):
    assert one_field("moment", [text], unit=unit)[0] == [moment(1997, 12, 4, 15, 55, 49)]


def test_moments_and_dates_in_a_format():
    assert one_field("moment", ["01-Jan-1995"], format="%d-%b-%Y")[0] == [moment(1995, 1, 1)]
    assert one_field("date", ["19950131"], format="%Y%m%d")[0] == [date(1995, 1, 31)]
    assert one_field("date", ["1995-01-31", "1995-01-31 12:00:00"])[0] == [date(1995, 1, 31)] * 2


@pytest.mark.parametrize("text", ["2026-02-30", "yesterday", "2026-13-01T00:00:00Z", "1.5", "2026-01-01 25:00:00"])
def test_what_is_no_moment_is_named_and_the_others_are_read(text):
    values, problems, _ = one_field("moment", ["2026-01-02", text])
    assert values[0] == moment(2026, 1, 2)
    assert problems == {1: f"it is not a moment: {text}"}


@pytest.mark.parametrize("text", ["2026-02-30", "soon"])
def test_what_is_no_date_is_named(text):
    assert one_field("date", ["2026-01-02", text])[1] == {1: f"it is not a date: {text}"}


@pytest.mark.parametrize(("unit", "text"), [("s", "99999999999"), ("s", "1e300"), ("us", "-5")])
def test_moments_beyond_reason_are_refused(unit, text):
    assert list(one_field("moment", [text], unit=unit)[1]) == [0]


def test_numbers_are_scaled_and_rows_below_the_least_left_out():
    values, problems, left_out = one_field("number", ["4", "3.5", "+1e1", None], at_least=4, scale=0.5)
    assert values == [2.0, 1.75, 5.0, None]
    assert problems == {}
    assert left_out == [False, True, False, False]


@pytest.mark.parametrize(("text", "words"), [("much", "is not a number: much"), ("-1", "is below zero: -1")])
def test_what_is_no_number_is_named(text, words):
    assert one_field("number", ["1", text])[1] == {1: f"it {words}"}


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "0x10", "1,5", "１"])
def test_odd_numbers_are_not_taken(text):
    assert list(one_field("number", [text])[1]) == [0]


def test_texts_are_translated_prefixed_and_kept_within_bounds():
    assert one_field("text", ["7"], prefix="MOVIE-", suffix="!")[0] == ["MOVIE-7!"]
    values, problems, _ = one_field("text", ["全球通", "别的", None], values={"全球通": "changxiang"})
    assert values == ["changxiang", None, None]
    assert problems == {1: "it: 别的 is not among the mapping's values"}
    assert one_field("text", ["x" * 201])[1] == {0: "it is longer than 200 characters"}
    assert one_field("text", ["a\x00b"])[1] == {0: "it holds a control character"}


def test_an_empty_required_field_is_a_problem_and_a_default_fills_it():
    assert one_field("text", [None, "x"], required=True)[1] == {0: "it is empty"}
    assert one_field("text", [None], required=True, default="none")[0] == ["none"]


def test_lists_are_split():
    assert one_field("list", ["4g|apps", "", None], separator="|")[0] == [["4g", "apps"], [""], None]
    assert one_field("list", ["4g;apps"], separator=";")[0] == [["4g", "apps"]]


def test_constants_are_the_same_for_every_row():
    field = Field("it", "number")
    found = fit((field,), SourceMapping(fields={"it": Expression(value=2)}), {}, 2)
    assert found.columns["it"].to_pylist() == [2.0, 2.0]


FIELDS = (Field("ref", "text", required=True), Field("at", "moment"))


def test_without_a_mapping_the_columns_are_named_as_the_fields_are():
    assert set(mapping_for(FIELDS, None, ["ref", "other"]).fields) == {"ref"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"at": Expression("t")}, "nothing gives ref"),
        ({"ref": Expression("r"), "colour": Expression("c")}, "the mapping names colour; the fields are: ref, at"),
        ({"ref": Expression("r", unit="s")}, "fields.ref: unit does nothing to a text"),
        ({"ref": Expression("r"), "at": Expression("t", zone="Mars/Base")}, "there is no time zone Mars/Base"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(fields, words):
    with pytest.raises(ImportRefused, match=words):
        mapping_for(FIELDS, SourceMapping(fields=fields), ["r", "t", "c"])


def test_a_mapping_file_is_read_with_parts_of_fields_joined_by_dots(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text('[format]\ndelimiter = "|"\n[fields]\ncode = {column = "id", prefix = "M-"}\nnames.zh = "title"\n')
    mapping = read_mapping(path)
    assert mapping.format.delimiter == "|"
    assert mapping.fields == {"code": Expression("id", prefix="M-"), "names.zh": Expression("title")}
    assert mapping.digest() == read_mapping(path).digest()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[fields\n", "m.toml: "),
        ("[format]\ndelimiter = 'ab'\n", "delimiter"),
        ("[format]\ncolour = 'red'\n", "colour"),
        ("[fields]\nref = {column = 'a', value = 'b'}\n", "fields.ref: give either column or value"),
        ("[fields]\nref = {column = 'a', colour = 'b'}\n", "fields.ref: .*colour"),
        ("[fields]\nref = {prefix = 'a'}\n", "the mapping names ref.prefix"),
    ],
)
def test_a_mapping_file_with_a_mistake_is_refused_where_it_is(tmp_path, text, words):
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(ImportRefused, match=words):
        mapping_for(FIELDS, read_mapping(path), ["a"])


def test_a_mapping_file_that_is_not_there(tmp_path):
    with pytest.raises(ImportRefused, match="no mapping file"):
        read_mapping(tmp_path / "none.toml")
