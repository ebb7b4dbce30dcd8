"""Files exchanged with partners: orders coming in by the million, each row answered."""

from gateway.capabilities.exchange.capability import exchange as exchange_capabilities
from gateway.capabilities.exchange.content import OrderFileFolder
from gateway.capabilities.exchange.results import ResultPart, list_results
from gateway.capabilities.exchange.runner import OrderFileRunner
from gateway.capabilities.exchange.schemas import FORMATS, FileFormat, OrderFile, OrderFileRef, SubmitOrderFile

__all__ = [
    "FORMATS",
    "FileFormat",
    "OrderFile",
    "OrderFileFolder",
    "OrderFileRef",
    "OrderFileRunner",
    "ResultPart",
    "SubmitOrderFile",
    "exchange_capabilities",
    "list_results",
]
