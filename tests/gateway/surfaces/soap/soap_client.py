"""A partner's view over SOAP, with zeep."""

from __future__ import annotations

import asyncio
import io
from functools import lru_cache
from typing import Any

import requests
import zeep
from lxml import etree
from msgspec import inspect as types
from zeep.plugins import HistoryPlugin

from gateway.surfaces.soap.names import TUILA, XSD


class SoapClient:
    """Calls operations by zeep, which blocks, on a thread."""

    def __init__(self, url: str, version: str, *, token: str | None = None, wsse: Any = None) -> None:
        session = requests.Session()
        session.trust_env = False
        if token is not None:
            session.headers["authorization"] = f"Bearer {token}"
        self.history = HistoryPlugin()
        transport = zeep.Transport(session=session, timeout=20, operation_timeout=20)
        document, self.schema = _understood(session.get(f"{url}/soap?wsdl", timeout=20).content)
        self.zeep = zeep.Client(document, transport=transport, plugins=[self.history], wsse=wsse)
        (binding,) = [name for name in self.zeep.wsdl.bindings if name.endswith(version)]
        self.service = self.zeep.create_service(binding, f"{url}/soap")
        self.binding = self.zeep.wsdl.bindings[binding]

    async def __call__(self, operation: str, call: dict[str, Any] | None = None, **parameters: Any) -> Any:
        headers = None if call is None else {"call": call}
        return await asyncio.to_thread(getattr(self.service, operation), _soapheaders=headers, **parameters)

    async def fault(self, operation: str, call: dict[str, Any] | None = None, **parameters: Any) -> Any:
        """The typed detail of the fault that the call ends in; the fault itself is its `fault`."""
        try:
            answer = await self(operation, call, **parameters)
        except zeep.exceptions.Fault as fault:
            return self.typed(operation, fault)
        raise AssertionError(f"no fault but {answer}")

    def typed(self, operation: str, fault: Any) -> Any:
        """The detail of a fault, which must be one that the operation declares and fit the schema."""
        (detail,) = fault.detail
        self.schema.assertValid(detail)
        assert etree.QName(detail).localname in self.binding.get(operation).abstract.fault_messages
        problem = self.zeep.wsdl.types.deserialize(detail)
        problem.fault = fault
        return problem

    def received(self) -> etree._Element:
        """The one element in the body of the last answer."""
        assert self.history.last_received is not None
        body: etree._Element = self.history.last_received["envelope"].find("{*}Body")
        return body[0]


@lru_cache(maxsize=4)
def _understood(wsdl: bytes) -> tuple[zeep.wsdl.Document, etree.XMLSchema]:
    """What zeep and libxml make of a WSDL as served; kept, for the same one takes them seconds each time."""
    schema = etree.fromstring(wsdl).find(f".//{{{XSD}}}schema")
    assert schema is not None
    document = zeep.wsdl.Document(io.BytesIO(wsdl), zeep.Transport())  # type: ignore[arg-type] # typed as the class
    return document, etree.XMLSchema(etree.fromstring(etree.tostring(schema)))


def extra(problem: Any) -> dict[str, list[str]]:
    """The further facts of a problem."""
    return {one.key: one.value.item for one in problem.extra.entry}


def arguments(info: types.Type, value: Any) -> Any:
    """A value as zeep takes it."""
    match info:
        case types.Metadata():
            return arguments(info.type, value)
        case _ if value is None:
            return None
        case types.StructType():
            return {one.encode_name: arguments(one.type, getattr(value, one.name)) for one in info.fields}
        case types.CollectionType():
            return {"item": [arguments(info.item_type, one) for one in value]}
        case types.DictType():
            pairs = [(arguments(info.key_type, key), arguments(info.value_type, one)) for key, one in value.items()]
            return {"entry": [{"key": key, "value": one} for key, one in pairs]}
        case types.UnionType():
            (plain,) = [one for one in info.types if not isinstance(one, types.NoneType)]
            return arguments(plain, value)
        case types.EnumType():
            return value.value
        case _:
            return value


__all__ = ["TUILA", "SoapClient", "arguments", "extra"]
