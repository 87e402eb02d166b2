"""Running databases: settings in force, accounts and rights, rules of access, a few figures. Nothing here writes, and no hash is read into a text."""
