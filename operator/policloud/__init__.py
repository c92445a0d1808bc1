"""policloud: an operator for sovereign micro-clouds, alone or in a federation."""

__version__ = "0.2.0"
