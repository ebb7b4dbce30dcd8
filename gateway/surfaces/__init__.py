"""One file per form in which the capabilities are open. They read the registry and know no capability by name."""
