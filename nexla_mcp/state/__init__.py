"""What outlives a call: receipts of everything that was asked for and decided."""
