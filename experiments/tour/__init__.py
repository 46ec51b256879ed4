"""The tour: what a lecture says of activations, output units and backpropagation, on one page."""
