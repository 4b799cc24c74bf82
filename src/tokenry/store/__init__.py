"""Floor 1: SQL. Statements over tables, nothing that decides. Imports core only."""
