"""Conversations with people, and the channels they happen in."""
