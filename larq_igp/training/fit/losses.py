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


def make_loss(label_smoothing: float) -> "tf.keras.losses.Loss":
    """Return the loss of labels: plain cross-entropy where nothing is smoothed."""
    if not label_smoothing:
        return tf.keras.losses.SparseCategoricalCrossentropy()
    return SmoothedCrossentropy(label_smoothing)
