"""What the demo's people are like: where they live, what they like, what phones they carry."""

from __future__ import annotations

from msgspec import Struct

REGIONS: dict[str, float] = {
    "GD/440100/440103": 3,
    "GD/440100/440104": 4,
    "GD/440100/440105": 4,
    "GD/440100/440106": 6,
    "GD/440300/440303": 3,
    "GD/440300/440304": 5,
    "GD/440300/440305": 6,
    "SC/510100/510104": 4,
    "SC/510100/510105": 4,
    "SC/510100/510107": 5,
    "SC/510700/510703": 2,
    "SC/510700/510704": 1,
    "ZJ/330100/330102": 3,
    "ZJ/330100/330106": 4,
    "ZJ/330100/330108": 3,
    "ZJ/330200/330203": 2,
    "ZJ/330200/330212": 3,
    "JS/320100/320102": 2,
    "JS/320100/320106": 3,
    "JS/320500/320505": 2,
    "JS/320500/320508": 3,
    "HB/420100/420102": 2,
    "HB/420100/420106": 4,
    "HB/420100/420111": 3,
}
"""Province/city/county paths with the weight of their population.

Source: county codes of GB/T 2260, provinces by their two letters."""


class Character(Struct, frozen=True):
    """A way of living with a phone: how much each service means (0..1) and which subjects (others mean little)."""

    name: str
    services: dict[str, float]
    contents: tuple[str, ...]


CHARACTERS = (
    Character(
        "commuter",
        {"music": 0.9, "news": 0.5, "reading": 0.4, "traffic": 0.4, "cloud": 0.1},
        ("music/pop", "music/folk", "news/headlines", "reading/fantasy"),
    ),
    Character(
        "student",
        {"comics": 0.9, "music": 0.6, "games": 0.4, "traffic": 0.6, "sms": 0.2},
        ("comics/school", "comics/action", "music/pop", "games/battle"),
    ),
    Character(
        "bookworm",
        {"reading": 0.95, "sms": 0.3, "news": 0.2, "music": 0.2},
        ("reading/romance", "reading/fantasy", "reading/history", "music/classical"),
    ),
    Character(
        "film fan",
        {"video": 0.95, "traffic": 0.8, "music": 0.2, "cloud": 0.2},
        ("video/series", "video/movies", "video/variety", "music/rock"),
    ),
    Character(
        "office worker",
        {"mail": 0.9, "cloud": 0.8, "news": 0.5, "voice": 0.4, "traffic": 0.3},
        ("news/finance", "news/headlines", "reading/management"),
    ),
    Character(
        "grandparent",
        {"voice": 0.9, "news": 0.7, "sms": 0.5, "video": 0.2, "music": 0.2},
        ("news/local", "news/headlines", "music/oldies", "video/series", "games/cards"),
    ),
    Character(
        "gamer",
        {"games": 0.95, "traffic": 0.7, "comics": 0.3, "video": 0.3},
        ("games/battle", "games/roleplay", "comics/action", "video/sports"),
    ),
    Character(
        "sports lover",
        {"video": 0.8, "news": 0.4, "traffic": 0.5, "games": 0.2},
        ("video/sports", "news/headlines", "games/cards"),
    ),
    Character(
        "young parent",
        {"cloud": 0.8, "reading": 0.5, "video": 0.5, "voice": 0.5},
        ("reading/children", "video/cartoons", "music/oldies", "games/puzzle"),
    ),
)


class BrandHabits(Struct, frozen=True):
    """What the subscribers of one brand are like on the whole.

    Attributes:
        share: part of all subscribers.
        characters: weight of each of ``CHARACTERS`` among them.
        spending: typical willingness to pay, 1 = the average of all brands.
        phones: weight of each of ``PHONES`` among them.
    """

    share: float
    characters: tuple[float, ...]
    spending: float
    phones: tuple[float, ...]


PHONES: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"apps", "4g"}),
    frozenset({"apps", "4g", "volte"}),
    frozenset({"apps", "4g", "5g", "volte"}),
)

BRANDS: dict[str, BrandHabits] = {
    "changxiang": BrandHabits(0.22, (3, 0.3, 2, 3, 6, 1, 1, 3, 3), 1.6, (0.01, 0.04, 0.25, 0.70)),
    "qingning": BrandHabits(0.36, (3, 6, 2, 3, 0.5, 0.1, 5, 2, 0.5), 0.8, (0.01, 0.14, 0.40, 0.45)),
    "lejia": BrandHabits(0.42, (3, 0.5, 3, 3, 1, 6, 0.7, 2, 4), 0.9, (0.12, 0.28, 0.40, 0.20)),
}
