"""What networks for the known data sets take and tell apart, known without the files."""

GEOMETRY: dict[str, tuple[tuple[int, int, int], int]] = {
    "digits": ((32, 32, 3), 10),
    "fashion_mnist": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "cifar100": ((32, 32, 3), 100),
    "imagenet2012": ((224, 224, 3), 1000),
}
"""Name -> ``(H, W, C)`` that a network gets if nothing else is asked for, and classes."""
