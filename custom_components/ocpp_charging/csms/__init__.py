"""An OCPP central system: chargers dial in, and this package runs them.

It knows nothing of Home Assistant, of the planner or of the ledger, and could be
published as a library of its own. `server.CentralSystem` is the way in.
"""
