"""Trend: when slow ageing will reach a limit, and an alarm when that is surely sooner than the horizon."""

from detectors.trend.detector import TimeToLimit, Trend

__all__ = ["TimeToLimit", "Trend"]
