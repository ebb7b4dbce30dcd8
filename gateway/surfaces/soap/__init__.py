"""SOAP 1.1 and 1.2: every capability as a document/literal wrapped operation of one WSDL, made from its types."""

from gateway.surfaces.soap.endpoint import mount

__all__ = ["mount"]
