"""Confidence against outcome: do passed parts fail more often than their scores claim."""
