"""Networks within the budget of another."""
