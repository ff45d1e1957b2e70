"""What a network answers, for a terminal: accuracy, confusion, mistakes."""

from collections.abc import Sequence

from larq_igp.cli.output import table

MOST_CLASSES = 20
"""Of which the whole confusion matrix is printed; of more, the worst classes are."""
MOST_MISTAKES = 10
TOP5_NEEDS = 6
"""Classes: of five, every answer is among the first five."""


def metrics_text(metrics: dict) -> str:
    """Format accuracy."""
    few = metrics.get("classes", TOP5_NEEDS) < TOP5_NEEDS  # older runs do not keep it
    top5 = "" if few else f", top-5 {metrics['top5']:.2%}"
    images = f"{metrics['examples']:,} {metrics['split']} images"
    return f"top-1 {metrics['top1']:.2%}{top5} of {images}"


def answers_text(answers: dict) -> str:
    """Format ``by_class``, ``confusion`` and ``mistakes`` of ``larq_igp.evaluate``."""
    classes = answers["by_class"]
    if len(classes) <= MOST_CLASSES:
        title, shown = "confusion (rows are classes, columns are answers)", _matrix(answers)
    else:
        title, shown = f"the {MOST_CLASSES} worst of {len(classes):,} classes", _worst(classes)
    lines = ["", f"{title}:", shown]
    mistakes = answers["mistakes"][:MOST_MISTAKES]
    if mistakes:
        rows = [
            (each["image"], each["class"], each["answer"], f"{each['probability']:.1%}")
            for each in mistakes
        ]
        lines += ["", "the most confident mistakes:"]
        lines += [table(rows, ("image", "class", "answer", "probability"))]
    return "\n".join(lines)


def _matrix(answers: dict) -> str:
    classes = answers["by_class"]
    counts = {(each["class"], each["answer"]): each["count"] for each in answers["confusion"]}
    names = [each["class"] for each in classes]
    numbers = range(len(names))
    rows = [
        (
            name if name == str(number) else f"{number} {name}",
            *(counts.get((name, answer), "·") for answer in names),
            _share(of_class["recall"]),
        )
        for number, name, of_class in zip(numbers, names, classes, strict=True)
    ]
    return table(rows, ("class", *map(str, numbers), "recall"))


def _worst(classes: Sequence[dict]) -> str:
    measured = [each for each in classes if each["examples"]]
    worst = sorted(measured, key=lambda each: each["recall"])[:MOST_CLASSES]
    rows = [
        (
            each["class"],
            f"{each['right']} of {each['examples']}",
            _share(each["recall"]),
            each["taken_for"] or "-",
        )
        for each in worst
    ]
    return table(rows, ("class", "right", "recall", "mostly taken for"))


def _share(recall: float | None) -> str:
    return "-" if recall is None else f"{recall:.1%}"
