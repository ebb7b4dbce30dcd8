"""The outside world as we call it: one folder a service, with its contract, real client, fake and stand-in."""
