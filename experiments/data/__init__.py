"""Data sets: the named ones, a user's file, their division into parts and their scaling."""
