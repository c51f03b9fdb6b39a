"""Trend: when slow ageing will reach a limit, and an alarm when that is surely sooner than the horizon."""

from detectors.trend.detector import BLOCK_DAYS, TimeToLimit, Trend

__all__ = ["BLOCK_DAYS", "TimeToLimit", "Trend"]
