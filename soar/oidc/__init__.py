"""The OpenID provider: who it is, how we speak to it, and what its word must be to count."""
