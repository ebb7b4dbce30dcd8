"""TMF680 over real sockets: recommendations asked for, and read again."""

from __future__ import annotations

from auth.principal import Principal
from gateway.capabilities.sessions import SESSION_SCOPES
from tests.gateway.standards.client import Client
from tests.gateway.standards.documents import conforms, needed
from tests.gateway.standards.listener import Heard, Listener
from tests.waiting import wait_for

PATH = "/tmf-api/recommendation/v4/queryProductRecommendation"
PARTY = {"id": "u1", "role": "customer", "@referredType": "Individual"}


@needed
async def test_recommendations_conform_to_the_document_and_are_read_again(client: Client) -> None:
    number = await client.world.subscriber("partner:shop:u1", usage={"service:music": 1.0})
    await client.world.consent(number, "recommend")
    await client.log_in()
    made = await client("POST", PATH, {"relatedParty": PARTY, "category": [{"id": "music"}]}, Accept_Language="en")
    assert made.status == 201 and made.headers["location"] == made.body["href"]
    assert conforms("tmf680", "QueryProductRecommendation", made.body)
    assert (made.body["state"], made.body["category"][0]["id"]) == ("done", "music")
    items = made.body["recommendationItem"]
    assert [one["priority"] for one in items] == [*range(1, len(items) + 1)] and items
    assert all(one["product"]["description"] and one["id"].startswith(made.body["id"]) for one in items)

    async def again() -> bool:
        listed = await client("GET", f"{PATH}?relatedParty.id=u1")
        return listed.status == 200 and [one["id"] for one in listed.body] == [made.body["id"]]

    await wait_for(again, message="the record of what was shown is written")
    listed = await client("GET", f"{PATH}?relatedParty.id=u1", Accept_Language="en")
    assert conforms("tmf680", "QueryProductRecommendation", listed.body)
    one = await client("GET", f"{PATH}/{made.body['id']}?relatedParty.id=u1", Accept_Language="en")
    assert one.body == listed.body[0]
    offers = [item["productOffering"] for item in items]
    assert [item["productOffering"] for item in one.body["recommendationItem"]] == offers


async def test_nobody_elses_recommendations_are_read(small: Client) -> None:
    number = await small.world.subscriber("partner:shop:u1")
    await small.world.consent(number, "recommend")
    await small.log_in()
    made = await small("POST", PATH, {"relatedParty": PARTY})
    await wait_for(lambda: _is_listed(small), message="the record of what was shown is written")
    await small.world.bind("partner:shop:u2", number)
    assert (await small("GET", f"{PATH}/{made.body['id']}?relatedParty.id=u1")).status == 200
    assert (await small("GET", f"{PATH}/{made.body['id']}?relatedParty.id=u2")).status == 404
    assert (await small("GET", f"{PATH}?relatedParty.id=u2")).body == []


async def _is_listed(client: Client) -> bool:
    return bool((await client("GET", f"{PATH}?relatedParty.id=u1")).body)


async def test_the_subscriber_must_have_agreed(small: Client) -> None:
    await small.world.subscriber("partner:shop:u1")
    await small.log_in()
    for answer in (
        await small("POST", PATH, {"relatedParty": PARTY}),
        await small("GET", f"{PATH}?relatedParty.id=u1"),
    ):
        assert (answer.status, answer.body["@type"]) == (403, "Error")
        assert "consent_missing" in answer.body["message"]


async def test_without_a_party_what_is_popular_is_recommended(small: Client) -> None:
    await small.log_in()
    made = await small("POST", PATH, {})
    assert made.status == 201 and made.body["recommendationItem"] and "relatedParty" not in made.body


async def test_what_is_not_offered_is_refused(small: Client) -> None:
    await small.log_in()
    for body in (
        b"", b"[]", {"relatedParty": [PARTY]}, {"relatedParty": {"id": "u1"}}, {"category": [{"id": "a"}, {"id": "b"}]},
        {"category": [{"id": "\x00"}]}, {"instantSyncRecommendation": False},
    ):  # fmt: skip
        refused = await small("POST", PATH, body)
        assert (refused.status, refused.body["@type"]) == (400, "Error"), body


@needed
async def test_a_listener_hears_what_was_recommended_to_a_visitor(listener: Listener) -> None:
    world = listener.world
    base = PATH.removesuffix("/queryProductRecommendation")
    assert conforms("tmf680", "EventSubscription", await listener.register(base))
    await listener.client("POST", PATH, {})  # by the partner's own server, which knows of it
    visitor = Principal("session", "s1", SESSION_SCOPES, account="web:v1", partner_id="shop")
    for place in ("any", "service:music"):
        shown = await world.call(visitor, "recommendations.list", place=place, limit=2)
        heard: list[Heard] = []

        async def is_told(heard: list[Heard] = heard) -> bool:
            heard += await listener.hear()
            return bool(heard)

        await wait_for(is_told, message="the record of what was shown is written")
        (one,) = heard
        assert conforms("tmf680", one.kind, one.body)
        assert one.path == "/tmf/listener/queryProductRecommendationCreateEvent"
        assert (one.resource["id"], one.resource["state"]) == (shown.id, "done")
        assert [item["id"] for item in one.resource["recommendationItem"]] == [item.impression for item in shown.items]
        assert ("category" in one.resource) == (place != "any")


async def test_the_state_of_a_recommendation_never_changes_so_nobody_can_wait_for_it(small: Client) -> None:
    await small.log_in("webhooks:*")
    wanted = {
        "callback": "https://shop.example.test",
        "query": "eventType=QueryProductRecommendationStateChangeEvent",
    }
    refused = await small("POST", PATH.removesuffix("queryProductRecommendation") + "hub", wanted)
    assert (refused.status, refused.body["@type"]) == (400, "Error")
