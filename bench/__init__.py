"""What speed the project promises, measured; nothing here is asserted in tests."""
