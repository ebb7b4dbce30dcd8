"""Settings, demo catalog and texts."""
