"""The analytic store: usage as Parquet files by day, asked through Ibis."""

from gateway.lake.usage import USAGE_SCHEMA, UsageLake

__all__ = ["USAGE_SCHEMA", "UsageLake"]
