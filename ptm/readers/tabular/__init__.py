"""Rows with named columns, whatever format the file has, into Arrow columns."""
