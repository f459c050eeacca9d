"""Whois over RDAP: who holds an address or a domain, as its registry says."""
