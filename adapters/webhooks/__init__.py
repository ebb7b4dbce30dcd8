"""Webhooks on their way out: to addresses that others chose."""
