"""The figures of a study: tables in, `Figure` out."""
