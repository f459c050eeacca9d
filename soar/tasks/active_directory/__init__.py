"""Active Directory's room: accounts, read, disabled and enabled over LDAPS."""
