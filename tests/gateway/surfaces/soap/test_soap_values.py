"""Every value goes into XML as the schema says, and comes back the same."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.capability import catalogue
from gateway.errors import MalformedRequest
from gateway.platform import SETS
from gateway.surfaces.soap import values, xsd
from gateway.surfaces.soap.names import TUILA, XSI, ours
from gateway.surfaces.soap.shapes import Shapes
from tests.gateway.surfaces.soap.typed_values import values_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Pair(NamedTuple):
    left: int
    right: str


class Loose(TypedDict, total=False):
    one: int


@dataclass
class Point:
    x: float
    y: float = 0.0


class Cat(Struct, tag=True):
    lives: int


class Dog(Struct, tag=True):
    name: str


class Row(Struct, array_like=True):
    a: int
    b: str = "b"


class Tree(Struct):
    """A tree."""

    name: str
    children: list[Tree] = []
    parent: Tree | None = None


class Everything(Struct, kw_only=True, rename={"from_": "from", "odd": "odd name:1"}):
    """One of each."""

    whole: int
    bounded: Annotated[int, Meta(ge=-5, lt=9)]
    number: float
    share: Annotated[float, Meta(ge=0, le=1, description="0 to 1.")]
    yes: bool
    text: str
    short: Annotated[str, Meta(min_length=1, max_length=5)]
    code: Annotated[str, Meta(pattern=r"^[A-Z]{2}-[0-9]+$")]
    raw: bytes
    moment: datetime
    instant: Annotated[datetime, Meta(tz=True)]
    local: Annotated[datetime, Meta(tz=False)]
    day: date
    clock: time
    span: timedelta
    id: UUID
    money: Decimal
    colour: Colour
    level: Level
    kind: Literal["a", "b"]
    step: Literal[1, 2]
    mixed: Literal[1, "one", None]
    maybe: int | None
    names: list[str]
    few: Annotated[list[int], Meta(min_length=1, max_length=2)]
    holes: list[int | None]
    nested: list[list[int]]
    unique: frozenset[str]
    ends: tuple[int, str]
    many: tuple[float, ...]
    pair: Pair
    loose: Loose
    point: Point
    row: Row
    by_name: dict[str, list[int]]
    by_number: dict[int, str | None]
    pet: Cat | Dog
    either: int | str | bool | float | list[int] | dict[str, int]
    anything: Any
    tree: Tree
    from_: str = "here"
    odd: int = 1
    nothing: None = None
    listed: list[int] | None = msgspec.field(default_factory=lambda: [1])
    later: int | UnsetType = UNSET


SHAPES = Shapes([Everything])
CAPABILITIES = catalogue(*SETS)
KINDS = list(dict.fromkeys(kind for one in CAPABILITIES.values() for kind in (one.request, one.answer)))


def schema_of(shapes: Shapes, **kinds: Any) -> etree.XMLSchema:
    root = xsd.schema(shapes)
    for name, kind in kinds.items():
        xsd.add_wrapper(root, name, ("value", shapes[kind]))
    return etree.XMLSchema(root)


def there(shapes: Shapes, kind: Any, value: Any, name: str = "Value") -> etree._Element:
    wrapper = etree.Element(ours(name))
    values.write(wrapper, "value", shapes[kind], value)
    return etree.fromstring(etree.tostring(wrapper))


def back(shapes: Shapes, kind: Any, wrapper: etree._Element) -> Any:
    return msgspec.convert(values.read(wrapper[0], shapes[kind], "value"), kind, strict=False)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return schema_of(SHAPES, Value=Everything)


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(value=values_of(Everything))
def test_a_value_of_every_type_comes_back_and_fits_the_schema(schema: etree.XMLSchema, value: Everything) -> None:
    element = there(SHAPES, Everything, value)
    schema.assertValid(element)
    assert back(SHAPES, Everything, element) == value


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_type_of_the_platform_comes_back_and_fits_the_schema(kind: Any) -> None:
    shapes = Shapes([kind])
    schema = schema_of(shapes, Value=kind)

    @settings(max_examples=5, database=None, suppress_health_check=list(HealthCheck))
    @given(value=values_of(kind))
    def comes_back(value: Any) -> None:
        element = there(shapes, kind, value)
        schema.assertValid(element)
        assert back(shapes, kind, element) == value

    comes_back()


class Absent(Struct):
    needed: int | None
    given: int | None = 7
    empty: int | None = None


ABSENT = Shapes([Absent])


def read(text: str, kind: Any = Absent, shapes: Shapes = ABSENT) -> Any:
    document = f'<v xmlns="{TUILA}" xmlns:xsi="{XSI}">{text}</v>'
    return msgspec.convert(values.read_parts(etree.fromstring(document), shapes.record(kind), "v"), kind, strict=False)


def test_what_is_left_out_has_its_default_and_nil_is_null() -> None:
    assert read("<needed>1</needed>") == Absent(1, 7, None)
    nil = '<needed xsi:nil="true"/><given xsi:nil="1"/><empty xsi:nil="true"/>'
    assert read(nil) == Absent(None, None, None)
    written = there(ABSENT, Absent, Absent(None, None, None))
    assert [(etree.QName(part).localname, part.get(f"{{{XSI}}}nil")) for part in written[0]] == [
        ("needed", "true"), ("given", "true"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "v: needed is missing"),
        ("<needed>x</needed>", "v/needed: expected long: a whole number of 64 bits"),
        ("<needed>9223372036854775808</needed>", "v/needed"),
        ("<needed><a/></needed>", "v/needed: holds text, not elements"),
        ("<needed>1</needed><needed>2</needed>", "v: needed stands twice"),
        ("<needed>1</needed><other/>", "v: there is no other; there are needed, given, empty"),
        ("<needed xmlns=''>1</needed>", f"v: needed must be in the namespace {TUILA}, and is in none"),
        ("words<needed>1</needed>", "v: holds elements, not text"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, told: str) -> None:
    with pytest.raises(MalformedRequest) as refusal:
        read(text)
    assert told in refusal.value.words("en")
    assert refusal.value.words("zh-CN")


class Holder(Struct):
    items: list[int] = []
    map: dict[str, int] = {}
    either: int | str = 0
    number: float = 0
    flag: bool = False
    raw: bytes = b""
    sure: int = 0


@pytest.mark.parametrize(
    "text",
    [
        "<items><other>1</other></items>",
        "<items>1</items>",
        "<map><entry><key>a</key></entry></map>",
        "<map><entry><key>a</key><value>1</value><value>2</value></entry></map>",
        "<map><entry><key>a</key><value>1</value></entry><entry><key>a</key><value>2</value></entry></map>",
        "<either/>",
        "<either><long>1</long><string>a</string></either>",
        "<either><double>1</double></either>",
        "<number>NaN</number>",
        "<number>INF</number>",
        "<number>1e999</number>",
        "<number>0x1p3</number>",
        "<flag>yes</flag>",
        "<raw>?</raw>",
        '<sure xsi:nil="true"/>',
    ],
)
def test_what_no_schema_allows_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequest):
        read(text, Holder, Shapes([Holder]))


def test_blanks_around_numbers_do_not_count_and_around_text_they_do() -> None:
    shapes = Shapes([Holder])
    assert read("<number> 1.5\n</number><either><string> a </string></either>", Holder, shapes) == Holder(
        number=1.5, either=" a "
    )


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    shapes = Shapes([Tree])
    assert back(shapes, Tree, there(shapes, Tree, Tree("a\x00b\x0bc\x1f"))).name == "a\ufffdb\ufffdc\ufffd"


def test_a_moment_is_written_in_utc() -> None:
    shapes = Shapes([Annotated[datetime, Meta(tz=True)]])
    moment = datetime(2026, 11, 24, 12, 0, tzinfo=timezone(timedelta(hours=8)))
    element = there(shapes, Annotated[datetime, Meta(tz=True)], moment)
    assert element[0].text == "2026-11-24T04:00:00Z"
    assert moment.astimezone(UTC) == msgspec.convert(element[0].text, datetime)


def test_two_classes_of_one_name_have_two_types() -> None:
    other = msgspec.defstruct("Tree", [("height", int)], module="woods")
    shapes = Shapes([Tree, other])
    assert {shape.name for shape in shapes.named} == {f"{__name__}.Tree", "woods.Tree"}
    assert isinstance(schema_of(shapes, A=Tree, B=other), etree.XMLSchema)


@given(st.data())
@settings(max_examples=5)
def test_the_widened_schema_takes_all_that_the_type_takes(data: st.DataObject) -> None:
    odd = Annotated[str, Meta(pattern=r"^(?=a)\w+$", max_length=8)]
    shapes = Shapes([odd])
    schema_of(shapes, Value=odd).assertValid(there(shapes, odd, data.draw(values_of(odd))))
