"""Reads prices, CO2, sun and grid from Home Assistant into the planner's types."""
