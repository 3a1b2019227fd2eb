"""The demonstration: a real Home Assistant, this integration, simulated chargers."""
