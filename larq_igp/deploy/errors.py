"""Errors of converting, verifying and running files. Every message says what to do."""

from larq_igp.errors import UserError


class ConversionError(UserError):
    """A model cannot be converted, or the converted file is wrong."""


class UnwritableError(ConversionError):
    """larq-igp's writer cannot write a layer; another converter may."""


class TFLiteFileError(UserError):
    """A file is missing, damaged, or not a ``.tflite``."""


class EngineError(UserError):
    """An engine is unknown, not installed, or cannot run this file."""


class CardError(UserError):
    """A card is missing, damaged, or belongs to another ``.tflite``."""
