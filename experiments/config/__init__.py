"""What may be configured, and what a configuration means."""
