"""The moving averages of weights that Keras's optimizers keep (``ema`` of a recipe): they are
validated and saved instead of the weights that are trained.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from larq_igp.training.fit.session import Session


@contextmanager
def averaged(session: Session) -> Iterator[None]:
    """Give a network the averages of its weights, and back those that are trained at the end;
    without ``ema`` they stay.
    """
    if not session.recipe.ema:
        yield
        return
    optimizer, variables = session.model.optimizer, session.model.trainable_variables
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    trained = [variable.numpy() for variable in variables]
    with session.devices.strategy.scope():
        optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            for variable, value in zip(variables, trained, strict=True):
                variable.assign(value)
