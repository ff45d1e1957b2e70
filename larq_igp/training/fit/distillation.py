"""Knowledge distillation (arXiv 1503.02531):

a student learns from labels and from what a trained teacher answers.
"""

from typing import Any

from larq_igp.keras2 import tf
from larq_igp.training.fit.losses import distillation_loss


class Distilled(tf.keras.Model):
    """A student whose training step minimises
    ``(1 - alpha) CE(labels) + alpha T^2 KL(teacher_T || student_T)``.

    It is the student's own graph: its layers, weights, inputs and outputs. The teacher is not part
    of it, and is neither saved nor trained. The logged ``loss`` is that of the labels,
    ``distillation`` that of the teacher.
    """

    @classmethod
    def of(
        cls,
        student: "tf.keras.Model",
        teacher: "tf.keras.Model",
        *,
        weight: float,
        temperature: float,
    ) -> "Distilled":
        """Return the student with a teacher.

        Args:
            student: maps ``(N, H, W, C)`` to probabilities ``(N, classes)``.
            teacher: maps the same images to probabilities.
            weight: alpha, the teacher's share.
            temperature: T, by which both are softened.
        """
        model = cls(inputs=student.inputs, outputs=student.outputs, name=student.name)
        # Functions hide the teacher and the metric from Keras, which would count their weights as
        # the student's.
        model._ask_teacher = lambda images: tf.stop_gradient(teacher(images, training=False))
        model._weight, model._temperature = weight, temperature
        metric = tf.keras.metrics.Mean("distillation")
        model._distillation = lambda: metric
        return model

    @property
    def metrics(self) -> list:
        """Those that were compiled, and ``distillation``."""
        return [*super().metrics, self._distillation()]

    def train_step(self, data: Any) -> dict[str, "tf.Tensor"]:
        """Take one optimizer step on ``(images, labels)``, or with sample weights as a third."""
        images, labels, weights = tf.keras.utils.unpack_x_y_sample_weight(data)
        answers = self._ask_teacher(images)
        with tf.GradientTape() as tape:
            probabilities = self(images, training=True)
            of_labels = self.compute_loss(images, labels, probabilities, weights)
            of_teacher = distillation_loss(answers, probabilities, self._temperature)
            if weights is not None:
                of_teacher *= tf.cast(tf.reshape(weights, [-1]), of_teacher.dtype)
            of_teacher = tf.reduce_mean(of_teacher)
            # Gradients are summed over replicas, so each gives its share, as Keras does with the
            # loss of labels.
            share = of_teacher / tf.distribute.get_strategy().num_replicas_in_sync
            loss = (1 - self._weight) * of_labels + self._weight * share
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self._distillation().update_state(of_teacher)
        return self.compute_metrics(images, labels, probabilities, weights)

    def test_step(self, data: Any) -> dict[str, "tf.Tensor"]:
        """Measure without the teacher."""
        logs = super().test_step(data)
        return {name: value for name, value in logs.items() if name != "distillation"}
