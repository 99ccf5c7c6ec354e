"""What runs came to: tables, statistics and plots over their directories. Knows no torch."""
