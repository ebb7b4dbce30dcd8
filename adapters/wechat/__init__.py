"""The WeChat official account platform."""
