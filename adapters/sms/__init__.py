"""The SMS network."""
