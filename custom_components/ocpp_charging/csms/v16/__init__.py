"""OCPP 1.6: between its messages and the version-neutral model."""
