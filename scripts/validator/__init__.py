"""Checks of the integration that Home Assistant's and its store's own tools make.

`hassfest` and the HACS action cannot run without a network; these rules say offline
what they would say, and some more that this project asks of itself.
"""
