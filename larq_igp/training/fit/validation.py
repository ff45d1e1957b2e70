"""Measure the network on the validation split while it is trained."""

from collections.abc import Callable
from typing import Any

from larq_igp.data import corrupt_images_named
from larq_igp.training.fit.batches import distributed_validation_batches
from larq_igp.training.fit.session import Session


class Validation:
    """Measures with the metrics that the model was compiled with, on all devices."""

    def __init__(self, session: Session):
        self._session = session
        self._test_function = session.model.make_test_function()
        self._batches = distributed_validation_batches(
            session.run, session.dataset, session.devices
        )

    def measure(self, is_asked_to_stop: Callable[[int], bool]) -> dict[str, float] | None:
        """Return the metrics, or None if asked to stop; the running ones start from zero again.

        Args:
            is_asked_to_stop: called before each batch with its number.

        Raises:
            CorruptImageError: if an image cannot be decoded.
        """
        model, dataset = self._session.model, self._session.dataset
        examples, size = dataset.split("validation").examples, self._session.recipe.batch_size
        model.reset_metrics()
        batches = iter(self._batches)
        logs: dict[str, Any] = {}
        for number, first in enumerate(range(0, examples, size)):
            if is_asked_to_stop(number):
                return None
            read = range(first, min(first + size, examples))
            with corrupt_images_named(dataset, "validation", read):
                logs = self._test_function(batches)
        figures = {name: float(value) for name, value in logs.items()}
        model.reset_metrics()
        return figures
