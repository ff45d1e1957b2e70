"""Losses on probabilities:

cross-entropy, with label smoothing, and the divergence that distillation minimises.
"""

from larq_igp.keras2 import tf

SMALLEST = 1.2e-38
"""The smallest normal float32: below it, a logarithm would be of zero."""


def log_probabilities(probabilities: "tf.Tensor") -> "tf.Tensor":
    """Return finite logarithms ``(N, classes)``: logits, but for a constant in each row."""
    return tf.math.log(tf.maximum(tf.cast(probabilities, tf.float32), SMALLEST))


class SmoothedCrossentropy(tf.keras.losses.Loss):
    """Cross-entropy with ``smoothing`` of the target divided evenly among all classes (arXiv
    1512.00567).

    Args:
        smoothing: share from 0 to below 1.
    """

    def __init__(self, smoothing: float, **options):
        super().__init__(name="smoothed_crossentropy", **options)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        """Return the loss of each example ``(N,)``, for labels ``(N,)`` or ``(N, 1)`` and
        probabilities ``(N, classes)``.
        """
        exact = tf.keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        even = -tf.reduce_mean(log_probabilities(y_pred), axis=-1)
        return (1 - self.smoothing) * exact + self.smoothing * even


def distillation_loss(
    teacher: "tf.Tensor", student: "tf.Tensor", temperature: float
) -> "tf.Tensor":
    """Return ``T^2 KL(teacher_T || student_T)`` of each example, ``(N,)`` (arXiv 1503.02531).

    Both are softened from probabilities: the softmax of ``log(p) / T`` is that of ``logits / T``.

    Args:
        teacher: probabilities ``(N, classes)``.
        student: probabilities ``(N, classes)``.
        temperature: ``T``.
    """
    soft_teacher = tf.nn.log_softmax(log_probabilities(teacher) / temperature)
    soft_student = tf.nn.log_softmax(log_probabilities(student) / temperature)
    divergence = tf.reduce_sum(tf.exp(soft_teacher) * (soft_teacher - soft_student), axis=-1)
    return temperature**2 * divergence


def are_shares(y_true: "tf.Tensor", y_pred: "tf.Tensor") -> bool:
    """Tell whether labels are shares of the classes ``(N, classes)``, as mixup gives them."""
    return y_true.shape.rank == 2 and y_true.shape[-1] == y_pred.shape[-1]


class MixedCrossentropy(SmoothedCrossentropy):
    """``SmoothedCrossentropy`` that also takes shares of the classes as labels."""

    def call(self, y_true, y_pred):
        """Return the loss of each example ``(N,)``."""
        if not are_shares(y_true, y_pred):
            return super().call(y_true, y_pred)
        logarithms = log_probabilities(y_pred)
        exact = -tf.reduce_sum(y_true * logarithms, axis=-1)
        return (1 - self.smoothing) * exact - self.smoothing * tf.reduce_mean(logarithms, axis=-1)


class _OfLargestShare:
    """A metric of labels that takes shares of the classes for the label of the largest."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count a batch."""
        if are_shares(y_true, y_pred):
            y_true = tf.argmax(y_true, axis=-1)
        return super().update_state(y_true, y_pred, sample_weight)  # type: ignore[misc]


class MixedTop1(_OfLargestShare, tf.keras.metrics.SparseCategoricalAccuracy):
    """Top-1 accuracy."""


class MixedTop5(_OfLargestShare, tf.keras.metrics.SparseTopKCategoricalAccuracy):
    """Top-5 accuracy."""


def make_loss(label_smoothing: float, *, mixed: bool = False) -> "tf.keras.losses.Loss":
    """Return the loss of labels: plain cross-entropy where nothing is smoothed or mixed."""
    if mixed:
        return MixedCrossentropy(label_smoothing)
    if not label_smoothing:
        return tf.keras.losses.SparseCategoricalCrossentropy()
    return SmoothedCrossentropy(label_smoothing)


def make_metrics(*, mixed: bool = False) -> list["tf.keras.metrics.Metric"]:
    """Return ``top1`` and ``top5``; where examples are mixed, by the larger share."""
    top1 = MixedTop1 if mixed else tf.keras.metrics.SparseCategoricalAccuracy
    top5 = MixedTop5 if mixed else tf.keras.metrics.SparseTopKCategoricalAccuracy
    return [top1("top1"), top5(5, "top5")]
