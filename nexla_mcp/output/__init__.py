"""What leaves the process: masked, cleaned, cut to a budget, readable on its own."""
