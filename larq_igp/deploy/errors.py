"""What can go wrong on the way to a device; every message is one sentence that says what to do."""

from larq_igp.errors import UserError


class ConversionError(UserError):
    """A model cannot be converted, or the converter degraded it."""


class UnwritableError(ConversionError):
    """larq-igp's writer cannot write a layer; another converter may."""


class TFLiteFileError(UserError):
    """A file is missing, damaged, or no ``.tflite`` at all."""


class EngineError(UserError):
    """An engine is unknown, not installed, or cannot run this file."""


class CardError(UserError):
    """A card is missing, damaged, or belongs to another ``.tflite``."""
