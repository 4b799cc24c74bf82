"""What has to be true before a version is published: `make release-check`."""
