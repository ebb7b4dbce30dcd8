"""The WeChat service account as a channel: codec, messages in, replies out."""
