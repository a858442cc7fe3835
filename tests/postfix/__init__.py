"""End-to-end tests in a Postfix of their own."""
