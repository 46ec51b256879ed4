"""Claims from the literature, confirmed or refuted by runs here."""
