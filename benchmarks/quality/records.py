"""First passages of a statistic over every limit at once: a running maximum changes rarely, and its changes say it all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Records:
    """New maxima of columns: fed rows in order, answers when each column first reached any limit."""

    def __init__(self, columns: int) -> None:
        self.rows = 0
        self.maximum = np.full(columns, -np.inf)
        self._times: list[NDArray[np.int64]] = []
        self._columns: list[NDArray[np.int64]] = []
        self._values: list[FloatArray] = []

    def add(self, statistic: FloatArray) -> None:
        """Further rows, (T, columns). NaN (a refused channel) is below every limit."""
        statistic = np.where(np.isnan(statistic), -np.inf, statistic)
        running = np.maximum.accumulate(np.concatenate([self.maximum[None], statistic]), axis=0)
        at, column = np.nonzero(running[1:] > running[:-1])
        self._times.append(self.rows + at + 1)
        self._columns.append(column)
        self._values.append(statistic[at, column])
        self.rows += len(statistic)
        self.maximum = running[-1]

    def take(self, other: Records, first: int) -> None:
        """The records of another, whose columns are those from `first` on of these."""
        self.rows = max(self.rows, other.rows)
        self._times += other._times
        self._columns += [columns + first for columns in other._columns]
        self._values += other._values
        self.maximum[first : first + other.maximum.size] = other.maximum

    def passages(self, limit: float) -> FloatArray:
        """Rows each column took to reach the limit, (columns,), inf where it has not."""
        first = np.full(self.maximum.size, np.inf)
        times, columns, values = (np.concatenate(part) for part in (self._times, self._columns, self._values))
        over = values >= limit
        np.minimum.at(first, columns[over], times[over].astype(np.float64))
        return first

    def limit(self, arl0: float) -> float:
        """The limit at which `run_length` is about this, by bisection over the values met."""
        values = np.unique(np.concatenate(self._values))
        low, high = 0, values.size - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if run_length(self.passages(values[middle]), self.rows)[0] < arl0 else (low, middle)
        return float(values[low])


def run_length(passages: FloatArray, rows: int) -> tuple[float, int]:
    """Mean run length and the alarms it rests on: parts watched until the first alarm (or to the end) per alarm.

    The maximum-likelihood estimate for run lengths with an exponential tail, censored at `rows`; with 0 alarms, parts watched / 3,
    a 95 % lower bound.
    """
    alarms = int(np.isfinite(passages).sum())
    watched = float(np.minimum(passages, rows).sum())
    return watched / max(alarms, 1) if alarms else watched / 3.0, alarms
