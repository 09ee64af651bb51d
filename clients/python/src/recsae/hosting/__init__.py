"""How a model is hosted: what a model is (model), how it is told (description), and the stream to the probe."""
