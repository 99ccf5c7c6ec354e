"""Images: in folders, in the files of known data sets, made up, and augmented."""
