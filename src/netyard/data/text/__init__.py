"""Text as tokens: to continue, to classify, to translate."""
