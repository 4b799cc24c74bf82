"""The reference: what the server says about its own routes."""
