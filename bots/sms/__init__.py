"""Text messages to a phone number."""
