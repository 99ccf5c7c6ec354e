"""Data sets as Lightning data modules: reading, cutting, ordering, augmenting. Knows no model and no task."""
