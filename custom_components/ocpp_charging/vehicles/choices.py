"""What the owner can say of a connector besides the name of a car."""

from typing import Final

AUTOMATIC: Final = "automatic"
"""Find out which car it is."""

GUEST: Final = "guest"
"""It is none of the owner's cars. No subentry has such an id."""

RESERVED_NAMES: Final = frozenset({AUTOMATIC, GUEST})
"""No car may be called so: it could not be told apart from these."""
