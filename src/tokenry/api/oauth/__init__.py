"""The endpoints of OAuth."""
