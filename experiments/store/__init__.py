"""The only writer of studies."""
