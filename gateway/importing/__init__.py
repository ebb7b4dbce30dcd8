"""Bringing an operator's own files in: subscribers, offers, orders and usage."""

from gateway.importing.refusal import ImportRefused
from gateway.importing.run import Figures, Import, run_import

__all__ = ["Figures", "Import", "ImportRefused", "run_import"]
