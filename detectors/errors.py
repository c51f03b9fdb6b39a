"""Errors of the detectors package.

DetectorError
├── ShapeError        an array of another shape or type than the docstring says
├── ParameterError    a parameter outside its bounds
└── BaselineRefused   Phase I data no honest baseline can be fitted to
"""


class DetectorError(Exception):
    """Base of every error this package raises; `hint` is one sentence a person can act on."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ShapeError(DetectorError):
    """An array of another shape or type than the docstring says."""


class ParameterError(DetectorError):
    """A parameter outside its bounds."""


class BaselineRefused(DetectorError):
    """Phase I data no honest baseline can be fitted to; `needed`: so many values would tell, 0 where it is not for want of them."""

    def __init__(self, message: str, *, hint: str = "", needed: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.needed = needed
