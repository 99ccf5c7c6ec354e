"""Everything that draws: charts, grids of images, animations, and text as a picture."""
