"""Made-up subscribers with believable habits, for demonstrations and measurements."""
