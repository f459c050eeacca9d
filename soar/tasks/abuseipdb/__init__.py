"""AbuseIPDB v2: how sure its reporters are that an address is abusive."""
