"""The WSDL 1.1 document of all operations, with SOAP 1.1 and SOAP 1.2 bindings.

Sources: WSDL 1.1, WSDL 1.1 Binding Extension for SOAP 1.2, WS-I Basic Profile 1.1 (document/literal wrapped).
"""

from __future__ import annotations

from lxml import etree

from gateway.surfaces.soap.names import TUILA, XSD, Element, action, fault_name, qualified
from gateway.surfaces.soap.operations import CALL, RESULT, Operation, Operations
from gateway.surfaces.soap.xsd import add_element, add_wrapper, schema

_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_BINDINGS = {"Soap11": "http://schemas.xmlsoap.org/wsdl/soap/", "Soap12": "http://schemas.xmlsoap.org/wsdl/soap12/"}
_OVER_HTTP = "http://schemas.xmlsoap.org/soap/http"
_PORT_TYPE = "TuilaPortType"


def document(operations: Operations, address: str) -> bytes:
    """The WSDL as served; `address` is where operations are called."""
    names = {"wsdl": _WSDL, "soap": _BINDINGS["Soap11"], "soap12": _BINDINGS["Soap12"], "xs": XSD, "t": TUILA}
    root = etree.Element(qualified(_WSDL, "definitions"), {"name": "Tuila", "targetNamespace": TUILA}, nsmap=names)
    _child(root, "types").append(_schema(operations))
    _message(root, CALL, "call")
    for error in operations.errors:
        _message(root, fault_name(error), "fault")
    for operation in operations:
        _message(root, operation.name, "parameters")
        _message(root, operation.response, "parameters")
    port_type = _child(root, "portType", name=_PORT_TYPE)
    for operation in operations:
        _abstract(port_type, operation)
    for version, namespace in _BINDINGS.items():
        _binding(root, f"Tuila{version}", namespace, operations)
    service = _child(root, "service", name="Tuila")
    for version, namespace in _BINDINGS.items():
        port = _child(service, "port", name=version, binding=f"t:Tuila{version}")
        etree.SubElement(port, qualified(namespace, "address"), {"location": address})
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _schema(operations: Operations) -> Element:
    root = schema(operations.shapes)
    add_element(root, CALL, operations.call)
    for error in operations.errors:
        add_element(root, fault_name(error), operations.problem)
    for operation in operations:
        add_element(root, operation.name, operation.request)
        add_wrapper(root, operation.response, None if operation.answer is None else (RESULT, operation.answer))
    return root


def _child(parent: Element, tag: str, /, **attributes: str) -> Element:
    return etree.SubElement(parent, qualified(_WSDL, tag), attributes)


def _message(root: Element, name: str, part: str) -> None:
    _child(_child(root, "message", name=name), "part", name=part, element=f"t:{name}")


def _abstract(port_type: Element, operation: Operation) -> None:
    element = _child(port_type, "operation", name=operation.name)
    capability = operation.capability
    words = "\n\n".join(filter(None, [capability.title["zh"], capability.summary, capability.description]))
    _child(element, "documentation").text = f"{words}\n\nScope: {capability.need.scope}"
    _child(element, "input", message=f"t:{operation.name}")
    _child(element, "output", message=f"t:{operation.response}")
    for error in operation.errors:
        _child(element, "fault", name=fault_name(error), message=f"t:{fault_name(error)}")


def _binding(root: Element, name: str, namespace: str, operations: Operations) -> None:
    def soap(parent: Element, local: str, **attributes: str) -> None:
        etree.SubElement(parent, qualified(namespace, local), attributes)

    binding = _child(root, "binding", name=name, type=f"t:{_PORT_TYPE}")
    soap(binding, "binding", style="document", transport=_OVER_HTTP)
    for operation in operations:
        element = _child(binding, "operation", name=operation.name)
        soap(element, "operation", soapAction=action(operation.name), style="document")
        taken = _child(element, "input")
        soap(taken, "header", message=f"t:{CALL}", part="call", use="literal")
        soap(taken, "body", use="literal")
        soap(_child(element, "output"), "body", use="literal")
        for error in operation.errors:
            soap(_child(element, "fault", name=fault_name(error)), "fault", name=fault_name(error), use="literal")
