"""SOAP over real sockets with zeep: every capability, the whole way of an order, credentials, faults, hostile bodies."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import zeep
from hypothesis import HealthCheck, Phase, given, settings
from lxml import etree
from msgspec import Struct
from msgspec import inspect as types
from zeep.wsse.username import UsernameToken

from auth import client_secret, signed_request, username_token
from gateway.app import create_app
from gateway.capability import Capability, CapabilitySet, Context, Effect, catalogue
from gateway.platform import SETS
from gateway.server import listen, serving
from gateway.surfaces.soap.names import TUILA, operation_name
from tests.fixtures.world import CODE, OPERATOR, World
from tests.gateway.surfaces.soap.soap_client import SoapClient, arguments, extra
from tests.gateway.surfaces.soap.typed_values import values_of

PAID = "TM-MUSIC-10"
SHOP = "shop"
CAPABILITIES = catalogue(*SETS)
ENVELOPES = {"Soap11": "http://schemas.xmlsoap.org/soap/envelope/", "Soap12": "http://www.w3.org/2003/05/soap-envelope"}
MEDIA_TYPES = {"Soap11": "text/xml; charset=utf-8", "Soap12": "application/soap+xml; charset=utf-8"}
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"


@pytest.fixture
async def served(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[tuple[World, str]]:
    world = await make_world(sqlite_url)
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url:
        yield world, url


@pytest.fixture
async def stored(make_world: Callable[..., Any], database_url: str) -> AsyncIterator[tuple[World, str]]:
    """Once on each database: for what the store decides."""
    world = await make_world(database_url)
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url:
        yield world, url


@pytest.fixture(params=["Soap11", "Soap12"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def secret_of(world: World, *scopes: str) -> str:
    granted = list(scopes or ("orders:*", "recommendations:*", "bindings:*", "subscriptions:read"))
    given = await world.call(OPERATOR, "partners.create", id=SHOP, name="Shop", scopes=granted)
    return str(given.client_secret)


async def token_of(url: str, secret: str) -> str:
    basic = {"Authorization": aiohttp.encode_basic_auth(SHOP, secret)}
    async with aiohttp.ClientSession() as session:
        form = {"grant_type": "client_credentials"}
        async with session.post(f"{url}/oauth/token", data=form, headers=basic) as response:
            return str((await response.json())["access_token"])


async def client(url: str, version: str, **credentials: Any) -> SoapClient:
    return await asyncio.to_thread(lambda: SoapClient(url, version, **credentials))


async def post(
    url: str, body: bytes | str | io.BytesIO, version: str = "Soap11", **headers: str
) -> tuple[int, etree._Element]:
    sent = {"Content-Type": MEDIA_TYPES[version], **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/soap", data=body, headers=sent) as response:
        assert response.headers["content-type"].startswith(sent["Content-Type"].partition(";")[0])
        return response.status, etree.fromstring(await response.read())


def envelope(inner: str, version: str = "Soap11", header: str = "") -> str:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return f'<s:Envelope xmlns:s="{ENVELOPES[version]}" xmlns:t="{TUILA}">{head}<s:Body>{inner}</s:Body></s:Envelope>'


def code_of(answer: etree._Element) -> str:
    """The fault's code, without its prefix."""
    words = answer.findtext(".//faultcode") or answer.findtext(".//{*}Code/{*}Value") or ""
    return words.partition(":")[2]


def words_of(answer: etree._Element) -> str:
    return answer.findtext(".//faultstring") or answer.findtext(".//{*}Reason/{*}Text") or ""


# -- The way of an order ----------------------------------------------------------------------------------------------


async def test_from_a_phone_number_to_a_cancelled_order(stored: tuple[World, str], version: str) -> None:
    world, url = stored
    number = await world.subscriber(phone="+8613800138000")
    await world.consent(number, "recommend")
    call = await client(url, version, token=await token_of(url, await secret_of(world)))
    user = {"User": "u1", "Locale": "en"}
    sent = await call("BindingsRequestCode", user, phone="138 0013 8000")
    assert (sent.to, sent.resend_after_seconds) == ("138****8000", 60)
    assert sent.expires_at == world.clock() + timedelta(minutes=5)
    bound = await call("BindingsConfirmCode", user, code=CODE)
    assert (bound.phone, bound.brand) == ("138****8000", "changxiang")
    recommended = await call("RecommendationsList", user, limit=2)
    assert len(recommended.items.item) == 2 and 0 <= recommended.items.item[0].score <= 1
    keyed = {**user, "IdempotencyKey": "R-1"}
    attribution = {"impression": recommended.items.item[0].impression}
    order = await call("OrdersPlace", keyed, offer=PAID, partner_ref="R-1", attribution=attribution)
    call.schema.assertValid(call.received())
    assert (order.offer, order.state, order.partner_ref) == (PAID, "awaiting_confirmation", "R-1")
    assert order.attribution.impression == attribution["impression"] and order.attribution.campaign is None
    again = await call("OrdersPlace", keyed, offer=PAID, partner_ref="R-1", attribution=attribution)
    assert again.id == order.id
    whole = await call("OrdersGet", user, id=order.id)
    assert [step.to for step in whole.history.item] == ["acknowledged", "awaiting_confirmation"]
    assert [step["from"] for step in whole.history.item] == [None, "acknowledged"]
    cancelled = await call("OrdersCancel", user, id=order.id)
    assert cancelled.state == "cancelled"
    listed = await call("OrdersList", user, state="cancelled")
    assert [one.id for one in listed.items.item] == [order.id] and listed.next is None


async def test_a_refusal_is_a_typed_fault(served: tuple[World, str], version: str) -> None:
    world, url = served
    await world.subscriber("partner:shop:u1", held=(PAID,))
    call = await client(url, version, token=await token_of(url, await secret_of(world)))
    problem = await call.fault("OrdersPlace", {"User": "u1", "Locale": "en"}, offer=PAID)
    assert (problem.code, problem.status) == ("not-orderable", 409)
    assert extra(problem)["reason"] == ["already_held"]
    assert problem.fault.code.partition(":")[2] == ("Client" if version == "Soap11" else "Sender")
    assert problem.fault.message == problem.detail
    problem = await call.fault("OrdersPlace", {"User": "u1"}, offer="TM-NONE-1")
    assert (problem.code, problem.title) == ("offer-unknown", "没有这个商品")
    problem = await call.fault("OrdersPlace", {"User": "nobody", "Locale": "en"}, offer=PAID)
    assert (problem.code, extra(problem)) == ("forbidden", {"reason": ["binding_required"]})
    key = {"User": "u1", "IdempotencyKey": "k"}
    await call("OrdersPlace", key, offer="TM-READ-5")
    problem = await call.fault("OrdersPlace", key, offer="TM-READ-8")
    assert problem.code == "idempotency-key-reused"
    problem = await call.fault("OrdersCancel", {"User": "u1", "Version": 99}, id=(await placed(call)).id)
    assert problem.code == "precondition-failed"


async def placed(call: SoapClient) -> Any:
    return (await call("OrdersList", {"User": "u1"})).items.item[0]


# -- Every capability -------------------------------------------------------------------------------------------------


def sample_of(capability: Capability) -> Any:
    """An example of the request: a declared one, or one that its type allows."""
    if capability.examples:
        return capability.examples[0]
    found: list[Any] = []

    @settings(
        max_examples=3,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(values_of(capability.request))
    def take(value: Any) -> None:
        found.append(value)

    take()
    return found[-1]


async def test_zeep_calls_every_capability(served: tuple[World, str], version: str) -> None:
    world, url = served
    await world.subscriber("partner:shop:u1", held=("TM-READ-5",))
    scopes = {f"{one.need.scope.partition(':')[0]}:*" for one in CAPABILITIES.values() if one.need.scope != "public"}
    call = await client(url, version, token=await token_of(url, await secret_of(world, *sorted(scopes))))
    answered = []
    for capability in CAPABILITIES.values():
        operation = operation_name(capability.name)
        info = types.type_info(capability.request)
        parameters = arguments(info, sample_of(capability))
        try:
            await call(operation, {"User": "u1", "Locale": "en"}, **parameters)
        except zeep.exceptions.Fault as fault:
            problem = call.typed(operation, fault)
            assert problem.status < 500, (operation, problem.detail)
            understood = (
                operation not in problem.detail and "`$" not in problem.detail
            )  # the codec's and msgspec's words
            assert understood, (operation, problem.detail)
        else:
            call.schema.assertValid(call.received())
            answered.append(capability.name)
    assert set(answered) >= {
        "offers.list",
        "orders.place",
        "orders.list",
        "bindings.request_code",
        "subscriptions.list_held",
    }


class Echo(Struct, frozen=True):
    """Say something."""

    words: dict[str, list[int]] = {}


class Echoes(Struct, frozen=True):
    """What comes back."""

    items: list[Echo | None]


echoes = CapabilitySet("echoes")


@echoes.capability(scope="public", effect=Effect.READ, title={"zh": "回声", "en": "Echo"})
async def say(request: Echo, ctx: Context) -> Echoes:
    """Say it back."""
    return Echoes([request, None])


@echoes.capability(scope="public", effect=Effect.READ, title={"zh": "出错", "en": "Fail"})
async def fail(request: Echo, ctx: Context) -> Echo:
    """Break."""
    raise RuntimeError("secret words")


async def test_a_new_capability_is_an_operation_without_a_word_about_soap(
    make_world: Callable[..., Any], sqlite_url: str
) -> None:
    world = await make_world(sqlite_url)
    platform = world.another(sets=(*SETS, echoes), store=world.platform.store)
    async with serving(create_app(platform), listen("127.0.0.1", 0)) as url:
        for version in ENVELOPES:
            call = await client(url, version)
            answer = await call("EchoesSay", words={"entry": [{"key": "a", "value": {"item": [1, 2]}}]})
            call.schema.assertValid(call.received())
            assert answer.item[0].words.entry[0].value.item == [1, 2] and len(answer.item) == 2
            with pytest.raises(zeep.exceptions.Fault) as broken:
                await call("EchoesFail")
            assert broken.value.code.partition(":")[2] in ("Server", "Receiver")
            assert "secret" not in etree.tostring(broken.value.detail, encoding="unicode")
            (detail,) = broken.value.detail
            assert detail.findtext("{*}status") == "500" and "trace" in etree.tostring(detail, encoding="unicode")


# -- Credentials ------------------------------------------------------------------------------------------------------


class At(UsernameToken):
    """A UsernameToken as of the test's clock."""

    def __init__(self, secret: str, created: datetime, **more: Any) -> None:
        password = client_secret.signing_key(secret).hex()
        super().__init__(SHOP, password, use_digest=True, created=created.replace(tzinfo=None), **more)


async def test_a_username_token_opens_what_the_secret_opens(served: tuple[World, str], version: str) -> None:
    world, url = served
    await world.subscriber("partner:shop:u1")
    secret = await secret_of(world)
    call = await client(url, version, wsse=At(secret, world.clock(), zulu_timestamp=True))
    assert (await call("OrdersPlace", {"User": "u1"}, offer=PAID)).state == "awaiting_confirmation"
    assert (await call("OrdersList", {"User": "u1"})).next is None
    newer = (await world.call(OPERATOR, "partners.rotate_secret", id=SHOP)).client_secret
    world.clock.advance(seconds=4)
    for one in (secret, newer):
        call = await client(url, version, wsse=At(one, world.clock()))
        assert (await call("OrdersList", {"User": "u1"})).next is None


async def test_a_username_token_is_good_once_and_for_five_minutes(stored: tuple[World, str]) -> None:
    world, url = stored
    await world.subscriber("partner:shop:u1")
    secret, now = await secret_of(world), world.clock()
    reasons: list[str] = []
    for token in (
        At(secret, now, nonce="the-same-nonce"),
        At(secret, now - timedelta(seconds=301)),
        At(secret, now + timedelta(seconds=301)),
        At("tsk_wrong", now),
        At(secret, now, nonce="short"),
    ):
        call = await client(url, "Soap11", wsse=token)
        if not reasons:
            assert (await call("OrdersList", {"User": "u1"})).next is None
        problem = await call.fault("OrdersList", {"User": "u1"})
        assert problem.code == "unauthenticated"
        reasons += extra(problem)["reason"]
    assert reasons == ["nonce_reused", "stale_created", "stale_created", "bad_digest", "malformed_token"]


async def test_of_one_nonce_at_once_at_two_processes_one_is_answered(stored: tuple[World, str]) -> None:
    """Neither knows the other's hot state: the store alone says who was first."""
    world, url = stored
    await world.subscriber("partner:shop:u1")
    token = At(await secret_of(world), world.clock(), nonce="the-same-nonce")
    second = world.another()
    await second.refresh()
    async with serving(create_app(second), listen("127.0.0.1", 0)) as other:
        calls = [await client(one, "Soap11", wsse=token) for one in (url, other)]
        outcomes = await asyncio.gather(
            *(call("OrdersList", {"User": "u1"}) for call in calls for _ in range(3)), return_exceptions=True
        )
    await second.close()
    refused = [one for one in outcomes if isinstance(one, zeep.exceptions.Fault)]
    assert len(refused) == 5 and len(outcomes) == 6
    assert {calls[0].typed("OrdersList", one).code for one in refused} == {"unauthenticated"}


async def test_a_plain_password_and_a_suspended_partner_are_refused(served: tuple[World, str]) -> None:
    world, url = served
    secret = await secret_of(world)
    call = await client(url, "Soap11", wsse=UsernameToken(SHOP, secret))
    assert "PasswordDigest" in (await call.fault("OrdersList", {"Locale": "en"})).detail
    await world.call(OPERATOR, "partners.suspend", id=SHOP)
    world.clock.advance(seconds=4)
    call = await client(url, "Soap11", wsse=At(secret, world.clock()))
    assert extra(await call.fault("OrdersList", {"User": "u1"})) == {"reason": ["caller_suspended"]}


async def test_an_access_token_may_be_a_binary_security_token(served: tuple[World, str]) -> None:
    world, url = served
    await world.subscriber("partner:shop:u1")
    token = await token_of(url, await secret_of(world))
    for version, encode in itertools.product(ENVELOPES, (False, True)):
        text = base64.b64encode(token.encode()).decode() if encode else token
        security = f'<w:Security xmlns:w="{WSSE}" s:mustUnderstand="1"><w:BinarySecurityToken>{text}</w:BinarySecurityToken></w:Security>'
        header = f"{security}<t:Call><t:User>u1</t:User></t:Call>"
        status, answer = await post(url, envelope("<t:OrdersList/>", version, header), version)
        assert status == 200 and answer.find(".//{*}result/{*}items") is not None
        status, answer = await post(
            url, envelope("<t:OrdersList/>", version, header), version, Authorization=f"Bearer {token}"
        )
        assert "unauthenticated" in etree.tostring(answer, encoding="unicode")


async def test_a_signed_request_covers_the_user_in_the_body(served: tuple[World, str]) -> None:
    world, url = served
    await world.subscriber("partner:shop:u1")
    secret = await secret_of(world)
    body = envelope("<t:OrdersList/>", header="<t:Call><t:User>u1</t:User></t:Call>")
    key = client_secret.signing_key(secret)
    header = signed_request.sign(key, "POST", "/soap", body.encode(), client=SHOP, nonce="n" * 16, now=world.clock())
    assert code_of((await post(url, body.replace("u1", "u2"), Authorization=header))[1]) == "Client"
    assert (await post(url, body, Authorization=header))[0] == 200


PROVING_NOTHING = [
    "",
    "<w:SAML/>",
    "<w:BinarySecurityToken>????</w:BinarySecurityToken>",
    "<w:BinarySecurityToken>a.b.c</w:BinarySecurityToken>",
    "<w:UsernameToken/>",
    f'<u:Timestamp xmlns:u="{WSU}"><u:Expires>2020-01-01T00:00:00Z</u:Expires></u:Timestamp>',
    f'<u:Timestamp xmlns:u="{WSU}"><u:Expires>soon</u:Expires></u:Timestamp>',
]


async def test_a_security_header_that_proves_nothing_is_refused(served: tuple[World, str]) -> None:
    _, url = served
    for inside in PROVING_NOTHING:
        header = f'<w:Security xmlns:w="{WSSE}">{inside}</w:Security>'
        status, answer = await post(url, envelope("<t:OffersList/>", header=header))
        assert (status, code_of(answer)) == (500, "Client"), inside
        assert answer.find(f".//{{{TUILA}}}Unauthenticated") is not None, inside


# -- Hostile and mistaken messages ------------------------------------------------------------------------------------

LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
HOSTILE = {
    "nothing": b"",
    "not xml": b"{}",
    "broken": envelope("<t:OffersList>").encode(),
    "entities": (LAUGHS + envelope("<t:OffersList><t:q>&b;</t:q></t:OffersList>")).encode(),
    "outside entity": (OUTSIDE + envelope("<t:OffersList><t:q>&a;</t:q></t:OffersList>")).encode(),
    "outside subset": ('<!DOCTYPE l SYSTEM "http://127.0.0.1:9/x.dtd">' + envelope("<t:OffersList/>")).encode(),
    "hidden document type": (" <!-- x -->\n<!-- <y> -->" + LAUGHS + envelope("<t:OffersList/>")).encode(),
    "document type in utf-16": ("\ufeff" + LAUGHS + envelope("<t:OffersList/>")).encode("utf-16-le"),
    "instruction": b"<?evil?>" + envelope("<t:OffersList/>").encode(),
    "unknown entity": envelope("<t:OffersList><t:q>&b;</t:q></t:OffersList>").encode(),
    "deep": envelope("<t:a>" * 100 + "</t:a>" * 100).encode(),
    "very deep": envelope("<a>" * 20_000 + "</a>" * 20_000).encode(),
    "many": envelope("<t:OffersList>" + "<t:q/>" * 60_000 + "</t:OffersList>").encode(),
    "comments": b"<!--" * 10_000 + envelope("<t:OffersList/>").encode(),
    "attributes": envelope("<t:OffersList " + " ".join(f'a{n}="{n}"' for n in range(50_000)) + "/>").encode()[:-9],
    "bytes": bytes(range(256)) * 10,
    "other root": b"<a/>",
    "no body": f'<s:Envelope xmlns:s="{ENVELOPES["Soap11"]}"/>'.encode(),
    "two in the body": envelope("<t:OffersList/><t:OffersList/>").encode(),
    "empty body": envelope("").encode(),
    "unknown operation": envelope("<t:OffersBurn/>").encode(),
    "operation of nobody": envelope("<OffersList/>").encode(),
    "unknown field": envelope("<t:OffersList><t:x/></t:OffersList>").encode(),
    "wrong type": envelope("<t:OffersList><t:limit>many</t:limit></t:OffersList>").encode(),
    "out of bounds": envelope("<t:OffersList><t:limit>101</t:limit></t:OffersList>").encode(),
    "two headers": envelope("<t:OffersList/>", header="<t:Call/><t:Call/>").encode(),
    "unknown header field": envelope("<t:OffersList/>", header="<t:Call><t:x/></t:Call>").encode(),
    "bad key": envelope("<t:OffersList/>", header="<t:Call><t:IdempotencyKey> </t:IdempotencyKey></t:Call>").encode(),
}


async def test_a_bad_message_is_the_callers_fault_and_costs_little(served: tuple[World, str]) -> None:
    _, url = served
    for name, body in HOSTILE.items():
        began = time.perf_counter()
        status, answer = await post(url, body)
        assert time.perf_counter() - began < 5, name
        assert (status, code_of(answer)) == (500, "Client"), name  # SOAP 1.1 §6.2: every fault has this status
        problem = answer.find(f".//detail/{{{TUILA}}}MalformedRequest")
        assert problem is not None and problem.findtext("{*}status") == "400", name
        assert "root:" not in words_of(answer) and "Traceback" not in words_of(answer), name
        newer = body.replace(ENVELOPES["Soap11"].encode(), ENVELOPES["Soap12"].encode())
        status, answer = await post(url, newer, "Soap12")
        assert (status, code_of(answer)) == (400, "Sender"), name


async def test_a_body_over_the_limit_is_the_callers_fault(served: tuple[World, str]) -> None:
    world, url = served
    for version in ENVELOPES:
        status, answer = await post(url, io.BytesIO(b"<" * (world.settings.limits.body_bytes + 1)), version)
        assert (status, code_of(answer)) == (413, "Client" if version == "Soap11" else "Sender")
        assert answer.find(f".//{{{TUILA}}}BodyTooLarge") is not None


async def test_another_media_type_is_told_which_ones_there_are(served: tuple[World, str]) -> None:
    _, url = served
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{url}/soap", data=b"{}", headers={"Content-Type": "application/json", "Accept-Language": "en"}
        ) as response,
    ):
        assert response.status == 415
        assert "application/soap+xml" in words_of(etree.fromstring(await response.read()))


async def test_utf_16_is_read_and_other_charsets_are_named(served: tuple[World, str]) -> None:
    _, url = served
    wide = ('<?xml version="1.0" encoding="UTF-16"?>' + envelope("<t:OffersList/>")).encode("utf-16")
    assert (await post(url, wide, Content_Type="text/xml; charset=UTF-16"))[0] == 200
    _, answer = await post(url, envelope("<t:OffersList/>"), Content_Type="text/xml; charset=gbk", Accept_Language="en")
    assert code_of(answer) == "Client" and "gbk" in words_of(answer)


async def test_a_header_that_must_be_understood_and_is_not(served: tuple[World, str]) -> None:
    _, url = served
    for version in ENVELOPES:
        strange = '<w:Action xmlns:w="http://www.w3.org/2005/08/addressing" s:mustUnderstand="{}"{}>x</w:Action>'
        status, answer = await post(url, envelope("<t:OffersList/>", version, strange.format("1", "")), version)
        assert (status, code_of(answer)) == (500, "MustUnderstand")
        assert answer.find(".//{*}detail") is None and answer.find(".//{*}Detail") is None
        if version == "Soap12":
            named = answer.find(".//{*}Header/{*}NotUnderstood")
            assert named is not None and named.nsmap["h"] == "http://www.w3.org/2005/08/addressing"
            assert named.get("qname") == "h:Action"
        other = {"Soap11": ' s:actor="urn:somebody"', "Soap12": ' s:role="urn:somebody"'}[version]
        for fine in (strange.format("0", ""), strange.format("1", other)):
            assert (await post(url, envelope("<t:OffersList/>", version, fine), version))[0] == 200


async def test_another_versions_envelope_is_a_version_mismatch(served: tuple[World, str]) -> None:
    _, url = served
    for version, namespace in ENVELOPES.items():
        other = {"Soap11": "Soap12", "Soap12": "Soap11"}[version]
        status, answer = await post(url, envelope("<t:OffersList/>", other), version)
        assert (status, code_of(answer)) == (500, "VersionMismatch")
        assert etree.QName(answer).namespace == namespace


async def test_an_action_that_is_not_the_bodys_is_refused(served: tuple[World, str]) -> None:
    _, url = served
    body = envelope("<t:OffersList/>")
    assert (await post(url, body, SOAPAction=f'"{TUILA}:OffersList"'))[0] == 200
    assert (await post(url, body, SOAPAction='""'))[0] == 200
    assert code_of((await post(url, body, SOAPAction=f'"{TUILA}:OffersGet"'))[1]) == "Client"
    wide = f'application/soap+xml; charset=utf-8; action="{TUILA}:OffersGet"'
    assert code_of((await post(url, envelope("<t:OffersList/>", "Soap12"), "Soap12", Content_Type=wide))[1]) == "Sender"


async def test_the_wsdl_names_the_public_address_and_both_versions(served: tuple[World, str]) -> None:
    world, url = served
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/soap/tuila.wsdl") as response:
            document = await response.read()
        async with session.get(f"{url}/soap?WSDL") as response:
            assert await response.read() == document
        async with session.get(f"{url}/soap") as response:
            assert (response.status, response.headers["allow"]) == (405, "POST")
    read = zeep.Client(io.BytesIO(document))
    ports = read.wsdl.services["Tuila"].ports
    assert set(ports) == {"Soap11", "Soap12"}
    for port in ports.values():
        assert port.binding_options["address"] == f"{world.settings.public_url}/soap"
        assert set(port.binding.all()) == {operation_name(name) for name in world.platform.capabilities}


def test_a_digest_is_the_one_of_the_profile() -> None:
    # OASIS UsernameToken Profile: Base64(SHA-1(nonce + created + password)), as zeep makes it.
    token = UsernameToken("shop", "pw", use_digest=True, nonce="0123456789", created=datetime(2026, 1, 2, tzinfo=UTC))
    written = [one.text for one in token._create_password_digest()]
    assert written[0] == username_token.digest(b"0123456789", written[2], b"pw")
