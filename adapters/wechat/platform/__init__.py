"""The parts of the platform's stand-in."""
