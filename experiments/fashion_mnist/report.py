"""The outcome in Markdown, from the CSV alone; what has not finished is named."""

from collections import defaultdict
from collections.abc import Sequence

from benchmarks.latency_table3 import LITERT, read_rows
from experiments.fashion_mnist.latency import BITS, LATENCIES, RUNTIME, fastest
from experiments.fashion_mnist.networks import ABLATIONS, NETWORKS
from experiments.fashion_mnist.plan import (
    EPOCHS,
    LEARNING_RATE,
    LONGER,
    OTHER_LEARNING_RATES,
    Run,
    chosen_igp,
    main_pair,
    runs_in_order,
)
from experiments.fashion_mnist.statistics import (
    Correlation,
    Row,
    errors,
    paired,
    rank_correlation,
    sample,
)
from larq_igp.tables import Sample

FEWER, AS_MANY, MORE = "fewer", "as many", "more"
COMPARISONS = (
    ("bireal", "resnet", "a shortcut around every layer", FEWER),
    ("ebireal", "bireal", "more shortcuts, none of them shorter", AS_MANY),
    ("igp3", "bireal", "shorter paths, 3 columns", FEWER),
    ("igp4", "bireal", "shorter paths, 4 columns", FEWER),
    ("igp5", "bireal", "shorter paths, 5 columns", FEWER),
    ("igp3_block", "igp3", "one identity around the block, not around every layer", AS_MANY),
    ("igp3_no_identity", "igp3", "no identity at all", MORE),
    ("igp3_no_short", "igp3", "one identity, and no path of one convolution", MORE),
    ("igp3_no_identity", "igp3_block", "the one identity taken away", MORE),
    ("igp3_no_short", "igp3_block", "the path of one convolution taken away", MORE),
    ("edense", "dense", "shorter paths: twice as many layers of half the growth", FEWER),
    ("igp_dense", "dense", "fractals, as in the paper", FEWER),
)
"""First network, second network, what the first has that the second has not, and the errors of the
first that the paper's idea expects, which sees a block's shortest paths alone. Of IGP-DenseNet the
paper expects fewer, though its ``N_2nd`` is larger here.
"""


def percent(one: Sample | None) -> str:
    """Return mean and standard deviation of an error for a table."""
    return "-" if one is None else str(one)


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], texts: int = 1) -> str:
    """Return a Markdown table whose first columns are texts, the others numbers."""
    rule = ["---"] * texts + ["---:"] * (len(header) - texts)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def path_costs(rows: list[Row]) -> dict[str, int]:
    """Return ``N_2nd`` of the first block of each network that has a row."""
    return {row["network"]: int(row["block_n_2nd"]) for row in rows}


def networks_table(rows: list[Row]) -> str:
    """Compare all networks at 1 bit with their 32-bit twins."""
    costs = path_costs(rows)
    lines = []
    for network in NETWORKS.values():
        counts = network.counts()
        test = sample(errors(rows, Run(network.name)))
        validation = sample(errors(rows, Run(network.name), "validation"))
        twin = sample(errors(rows, Run(network.name, bits=32)))
        lines.append((
            f"`{network.name}`: {network.title}",
            f"{counts.storage_bits / 1e3:,.0f}",
            f"{counts.flops / 1e3:,.0f}",
            f"{costs[network.name] / 1e3:,.0f}" if network.name in costs else "-",
            str(test.n if test else 0),
            percent(test),
            percent(validation),
            "-" if network.name in ABLATIONS else percent(twin),
            "-" if network.name in ABLATIONS else str(twin.n if twin else 0),
        ))  # fmt: skip
    header = (
        "network", "storage, kbit", "FLOPs, 1e3", "N_2nd of a block, 1e3", "n", "test error, %",
        "validation error, %", "32-bit twin, test error, %", "n",
    )  # fmt: skip
    return table(header, lines)


def headline_table(rows: list[Row]) -> str:
    """Show the residual networks of the paper at 1 bit, the best first; those without a run are
    left out.
    """
    costs, found = path_costs(rows), []
    for network in NETWORKS.values():
        one = sample(errors(rows, Run(network.name)))
        if one is not None and network.group == "resnet" and network.name not in ABLATIONS:
            found.append((one.mean, network.title, costs[network.name], one))
    lines = [
        (title, f"{cost / 1e6:.2f}", str(one.n), str(one))
        for _, title, cost, one in sorted(found, key=lambda each: each[0])
    ]
    return table(("network", "N_2nd of a block, million", "seeds", "test error, %"), lines)


def difference(one: Sample | None) -> tuple[str, str, str]:
    """Return mean, interval and n of a paired difference for a table."""
    if one is None:
        return "-", "-", "0"
    interval = one.interval
    text = "-" if interval is None else f"{interval[0]:+.2f} to {interval[1]:+.2f}"
    return f"{one.mean:+.2f}", text, str(one.n)


def differences_table(rows: list[Row]) -> str:
    """Compare pairs of networks, seed by seed, at 1 bit."""
    lines = []
    for first, second, what, expected in COMPARISONS:
        pair = paired(errors(rows, Run(first)), errors(rows, Run(second)))
        lines.append((
            f"`{first}` - `{second}`", what, expected, outcome(pair, expected), *difference(pair),
        ))  # fmt: skip
    header = (
        "errors compared", "what the first has", "expected", "outcome", "difference, points",
        "95 % interval", "n",
    )  # fmt: skip
    return table(header, lines, texts=4)


def outcome(pair: Sample | None, expected: str) -> str:
    """Return whether a paired difference is what was expected of it: only an interval without 0
    decides, and none shows that two networks err alike.
    """
    interval = pair.interval if pair else None
    if interval is None:
        return "open"
    if interval[0] <= 0 <= interval[1]:
        return "undecided"
    found = FEWER if interval[1] < 0 else MORE
    return "agrees" if found == expected else "disagrees"


def mean_errors(
    rows: list[Row], names: list[str], costs: dict[str, int]
) -> list[tuple[float, float]]:
    """Return ``(cost, mean test error)`` at 1 bit of each network that has a row."""
    samples = {name: sample(errors(rows, Run(name))) for name in names}
    return [(float(costs[name]), one.mean) for name, one in samples.items() if one is not None]


def ranks_by_first_path(rows: list[Row]) -> dict[str, int]:
    """Return the places of the networks when ``N_1st`` of the first block is compared before
    ``N_2nd``, as in the paper (Table 2); equal paths share a place.
    """
    paths = {row["network"]: (int(row["block_n_1st"]), int(row["block_n_2nd"])) for row in rows}
    places = sorted(set(paths.values()))
    return {name: places.index(path) for name, path in paths.items()}


def correlations(rows: list[Row]) -> dict[str, Correlation | None]:
    """Return the rank correlation of mean test error and path cost over groups of networks."""
    resnets = [n.name for n in NETWORKS.values() if n.group == "resnet"]
    of_the_paper = [name for name in resnets if name not in ABLATIONS]
    second, first = path_costs(rows), ranks_by_first_path(rows)
    groups = {
        "all residual networks": (resnets, second),
        "all residual networks, N_1st compared first": (resnets, first),
        "the residual networks of the paper": (of_the_paper, second),
        "all networks": (list(NETWORKS), second),
    }
    return {
        what: rank_correlation(mean_errors(rows, names, costs))
        for what, (names, costs) in groups.items()
    }


def correlations_table(rows: list[Row]) -> str:
    """Show the rank correlations."""
    lines = []
    for what, found in correlations(rows).items():
        cells = ("-", "-", "-")
        if found is not None:
            cells = (f"{found.rho:+.2f}", f"{found.p:.2g}", str(found.n))
        lines.append((what, *cells))
    return table(("networks", "rho", "p", "n"), lines)


def bits_table(rows: list[Row]) -> str:
    """Compare the main pair at 1, 2 and 32 bits: test error, file size and latency."""
    latencies = read_rows(LATENCIES)
    engines = {RUNTIME: "this runtime", LITERT: "LiteRT, as floats"}
    lines = []
    for name in main_pair(rows):
        for bits in BITS:
            one = sample(errors(rows, Run(name, bits=bits)))
            measured = fastest(latencies, name, bits)
            lines.append((
                f"`{name}`",
                engines[measured["engine"]] if measured else "-",
                str(bits),
                f"{NETWORKS[name].counts(bits).storage_bits / 8e3:,.0f}",
                f"{int(measured['file_bytes']) / 1e3:,.0f}" if measured else "-",
                f"{float(measured['latency_ms_median']):.3f}" if measured else "-",
                percent(one),
                str(one.n if one else 0),
            ))  # fmt: skip
    header = (
        "network", "run by", "bits", "storage, kB", "`.tflite`, kB", "latency, ms",
        "test error, %", "n",
    )  # fmt: skip
    return table(header, lines, texts=2)


def variants_table(rows: list[Row]) -> str:
    """Show the longer runs and the other learning rates, at 1 bit."""
    lines = []
    for name in dict.fromkeys(("bireal", "igp3", *main_pair(rows))):
        variants = {
            f"{EPOCHS} epochs": Run(name),
            f"{LONGER * EPOCHS} epochs": Run(name, epochs=LONGER * EPOCHS),
        }
        variants |= {
            f"learning rate {rate:g}": Run(name, learning_rate=rate)
            for rate in OTHER_LEARNING_RATES
        }
        for what, run in variants.items():
            one = sample(errors(rows, run))
            lines.append((f"`{name}`", what, percent(one), str(one.n if one else 0)))
    return table(("network", "variant", "test error, %", "n"), lines, texts=2)


def missing_text(rows: list[Row]) -> str:
    """Name the runs that have no row."""
    finished = {row["run"] for row in rows}
    seeds = defaultdict(list)
    for run in runs_in_order(rows):
        if run.name not in finished:
            seeds[run.name.rpartition("-seed")[0]].append(str(run.seed))
    if not seeds:
        text = "No run is missing."
    else:
        listed = "; ".join(f"{name}: {', '.join(s)}" for name, s in seeds.items())
        text = f"{sum(map(len, seeds.values()))} runs are missing, by seed: {listed}."
    if chosen_igp(rows) is None:
        text += " The runs of the IGP-ResNet that validation prefers are not counted yet."
    return text


def compute_text(rows: list[Row]) -> str:
    """Say what the runs took, on what."""
    versions = sorted(
        {f"TensorFlow {r['tensorflow']}, {r['cpu']}, {r['threads']} thread" for r in rows}
    )
    cpu = sum(float(row["cpu_seconds"]) for row in rows) / 3600
    wall = sum(float(row["train_seconds"]) for row in rows) / 3600
    return (
        f"{len(rows)} runs, {cpu:.1f} CPU hours, {wall:.1f} hours in training steps. "
        + "; ".join(versions)
        + "."
    )


def report_text(rows: list[Row]) -> str:
    """Return the whole report."""
    best = chosen_igp(rows)
    return "\n\n".join(
        (
            "# Fashion-MNIST: what came out",
            "Written by `python -m experiments.fashion_mnist report` from `fashion_mnist.csv`. "
            "Errors are of the 10,000 test images, measured once, with the weights of the epoch "
            "that did best on 5,000 validation images. A spread is the standard deviation over "
            "n seeds.",
            "## All networks",
            f"1 bit, {EPOCHS} epochs, learning rate {LEARNING_RATE:g}. "
            + (f"Validation prefers `{best}` among the IGP-ResNets." if best else ""),
            networks_table(rows),
            "## Pairs, seed by seed",
            "Runs of one seed see the same images in the same order. A negative difference says "
            "that the first network errs less.",
            differences_table(rows),
            "## Error and path cost",
            "Spearman's rank correlation of the mean test error and N_2nd of a network's first "
            "block, 1 bit. The hypothesis wants +1.",
            correlations_table(rows),
            "![Error against path cost](fashion_mnist_paths.svg)",
            "![All errors](fashion_mnist_errors.svg)",
            "## Bits",
            bits_table(rows),
            "![Error against file size and latency](fashion_mnist_bits.svg)",
            "## Epochs and learning rates",
            f"Otherwise {EPOCHS} epochs and a learning rate of {LEARNING_RATE:g}.",
            variants_table(rows),
            "## What it took",
            compute_text(rows),
            missing_text(rows),
        )
    ) + "\n"  # fmt: skip
