"""`ptm serve`: who serves a catalog, whose turn it is, and the runs that it begins and ends."""
