"""The operator's business and operation support system, which provisions orders."""
