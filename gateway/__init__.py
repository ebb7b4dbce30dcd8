"""The open platform: capabilities, the one way to run them, and the forms they are offered in."""
