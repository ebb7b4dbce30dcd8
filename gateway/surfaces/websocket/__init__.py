"""JSON-RPC 2.0 over WebSocket: every capability as a method, and events pushed to who subscribes.

The surface knows no capability by name: a method is looked up in the registry, its parameters are the request's fields.
"""

from gateway.surfaces.websocket.upgrade import mount

__all__ = ["mount"]
