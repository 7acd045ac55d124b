"""The `ptm` command: what it takes, what it shows, and the streams that it writes to."""
