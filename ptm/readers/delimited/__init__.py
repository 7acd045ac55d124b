"""Delimited text (CSV) into Arrow columns."""
