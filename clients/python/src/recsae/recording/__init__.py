"""Recording of activations from a running recommender: the recorder, its queue, and the sender behind it."""
