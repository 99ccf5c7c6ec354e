"""The subcommands of ``netyard``: from what was typed to what is printed. They know no torch until they need it."""
