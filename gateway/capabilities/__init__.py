"""What the platform can do, one folder per business noun."""
