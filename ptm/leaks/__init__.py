"""What may leak from one split into another: looked for before the commit, told with rows."""
