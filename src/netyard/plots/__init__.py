"""Drawing: charts, grids of images, animations, and text for TensorBoard."""
