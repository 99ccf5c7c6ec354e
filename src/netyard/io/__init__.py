"""Files: written atomically, read without running code in them, with secrets masked."""
