"""The version of netyard; below everything that says it, so that nothing imports the package's own root for it."""

__version__ = "0.1.0"
