"""The routes of the API, one module a room; each adds its entries to `ROUTES` when it is imported."""
