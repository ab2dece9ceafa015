"""One module per file format, each with `read` and `read_blocks`; loaded when a file needs it."""
