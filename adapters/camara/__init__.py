"""What the mobile network knows about a number: whether it, or its SIM card, changed hands."""
