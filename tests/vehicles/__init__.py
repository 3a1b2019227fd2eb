"""The owner's cars, as Home Assistant sees them."""
