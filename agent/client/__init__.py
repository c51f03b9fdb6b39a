"""Clients of the socket tap, to be copied into vision programs: linetap.py and linetap.hpp. The agent itself uses none of them."""
