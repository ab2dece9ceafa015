"""One module per column type: how its cells are read, fitted and turned into numbers."""
