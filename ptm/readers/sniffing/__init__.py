"""What the first bytes of files, and then all of their values, show of how they are written."""
