"""Arguments of a call: made to fit by schema, checked, and explained all at once."""
