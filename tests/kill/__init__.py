"""Killing the central system while chargers charge."""
