"""The claims of the literature: one module each, whose name is `claim_`, the claim's number and its topic."""
