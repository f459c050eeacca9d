"""VirusTotal v3: what some ninety engines say about a URL, a file, an address or a domain."""
