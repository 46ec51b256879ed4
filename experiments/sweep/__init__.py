"""Jobs and sweeps: what is trained, in which order, and what a person sees of it."""
