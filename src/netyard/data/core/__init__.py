"""What every kind of data has: splits, batches in an order that can be resumed, normalization."""
