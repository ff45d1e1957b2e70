"""Charts: what is drawn, that it can be read at one column, and that no name becomes a command."""

from html.parser import HTMLParser
from itertools import combinations, pairwise

import pytest

from larq_igp.analysis.blocks import first_block
from larq_igp.architectures import ZOO
from larq_igp.graph import read_graph
from larq_igp.models import build
from larq_igp.report.blocks import block_graph
from larq_igp.report.charts import Bars, Matrix, Plot, Point, Series, error_plot, pareto_front
from larq_igp.report.curves import learning_curves
from larq_igp.report.draw import draw
from larq_igp.report.facts import Training
from larq_igp.report.mistakes import confusion_chart
from larq_igp.report.page import Section, cards, html_table, render
from larq_igp.report.palette import FAMILIES, OTHERS, look_of, looks_of
from larq_igp.report.results import paper_section
from larq_igp.report.static import SUFFIXES, save_charts
from larq_igp.report.style import COLUMN, SMALL, styled
from larq_igp.tables import Table

NASTY = "</script><img onerror=x>$\\a$\"&-->'"
LOOK = look_of("igp_resnet")


def training(label, *errors):
    """Return a training with a history for each seed; errors are in per cent, by epoch."""
    histories = tuple(
        {"top1": tuple(1 - e / 50 for e in seed), "val_top1": tuple(1 - e / 100 for e in seed)}
        for seed in errors
    )
    return Training(label=label, look=LOOK, histories=histories, layers=())


def test_pareto_front_by_hand():
    assert pareto_front([(3, 1), (1, 3), (2, 3), (2, 2), (4, 1)]) == [(1, 3), (2, 2), (3, 1)]


def test_a_cost_that_is_the_same_of_all_has_no_chart():
    one, same = Point("a", 1.0, 10.0, LOOK), Point("b", 1.0, 9.0, LOOK)
    assert error_plot("a", "a", "a", [one]) is None
    assert error_plot("a", "a", "a", [one, same]) is None
    plot = error_plot("a", "a", "a", [one, Point("c", 2.0, 9.0, LOOK)])
    assert [series.labels for series in plot.series] == [("a",), ("c",), ()]


def test_learning_curves_are_means_over_seeds_in_per_cent():
    (plot,) = learning_curves([training("two", (40, 20, 10), (60, 40)), training("short", (50,))])
    dashed, line, *keys = plot.series
    assert line.y == pytest.approx((50, 30, 10))
    assert line.spread == pytest.approx((200**0.5, 200**0.5, 0))
    assert dashed.y == pytest.approx((100, 60, 20))
    assert [key.name for key in keys] == ["validation", "training"]
    assert plot.has_log
    assert learning_curves([training("short", (50,))]) == []


def test_recall_stands_beside_the_counts():
    chart = confusion_chart("c", [[3, 1], [0, 0]], ("cat", "dog"))
    assert chart.texts == (("3", "1"), ("", ""))
    assert chart.beside == ("75%", "0%")
    assert chart.shades == ((0.75, 0.25), (0.0, 0.0))
    many = confusion_chart("c", [[1] * 100] * 100, tuple(map(str, range(100))))
    assert (many.texts, many.rows, many.beside) == ((), (), ())


PLOT = Plot(
    name="nasty",
    title=NASTY,
    x_label=NASTY,
    y_label="error, %",
    has_log=True,
    series=(
        Series(name=NASTY, x=(1, 2), y=(3, 4), look=LOOK, style="line", spread=(1, 1)),
        Series(name="", x=(1,), y=(2,), look=LOOK, labels=(NASTY,)),
    ),
)
BARS = Bars(
    name="bars", title=NASTY, x_label=NASTY, names=(NASTY, "b"), values=(1.0, 2.0),
    groups=(NASTY, "y"), colours={NASTY: "#000000", "y": "#ffffff"},
)  # fmt: skip
MATRIX = confusion_chart("matrix", [[1, 2], [3, 4]], (NASTY, "犬"))


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.tags |= {name for name, _ in attrs if name.startswith("on")}

    def handle_data(self, data):
        self.texts.append(data)


def test_no_name_becomes_a_command():
    table = Table(NASTY, (NASTY, "b"), ((NASTY, NASTY),), (NASTY,), frozenset({(0, 0)}))
    html = html_table(table) + cards([(NASTY, NASTY)])
    sections = [Section(NASTY, NASTY, (PLOT, BARS, MATRIX), html), Section(NASTY, is_folded=True)]
    tags = Tags()
    tags.feed(render(NASTY, sections))
    assert not tags.tags & {"script", "img", "onerror"}
    whole = [text for text in tags.texts if text == NASTY]
    assert len(whole) > 12  # as it is, `$` and all, in tables, headings and pictures


@pytest.fixture(scope="module")
def drawn():
    """Every kind of chart as a figure, by name."""
    graph = read_graph(build("igp_resnet_tiny", input_shape=(32, 32, 3), columns=4))
    block = block_graph(graph, first_block(graph), "block", "a block")
    labels = [f"class {i}" for i in range(10)]
    charts = [
        *paper_section({}).charts, block, learning_curves([training("a", (9, 5), (8, 4))])[0],
        confusion_chart("confusion", [[9] * 10] * 10, tuple(labels)),
        Bars(name="layers", title="t", x_label="kbit", names=tuple(f"stage{i}_block1_column2_layer1"
             for i in range(30)), values=(1.0,) * 30, groups=("binary",) * 30,
             colours={"binary": LOOK.colour}),
        Matrix(name="flips", title="t", x_label="epoch", y_label="", columns=("1", "2"),
               rows=("a", "b"), shades=((0.1, 1.0), (0.5, 0.0)), texts=(("1", "9"), ("5", "0"))),
    ]  # fmt: skip
    figures = {}
    for chart in charts:
        with styled(chart.name):
            figures[chart.name] = draw(chart)
            figures[chart.name].draw_without_rendering()
    return figures


def texts_of(figure):
    from matplotlib.text import Text

    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    renderer = figure.canvas.get_renderer()
    inside = [text for text in found if text.get_window_extent(renderer).width > 0]
    return [(text, text.get_window_extent(renderer)) for text in inside]


def test_figures_can_be_read_at_the_width_of_a_column(drawn):
    assert len(drawn) == 8
    for name, figure in drawn.items():
        assert figure.get_figwidth() == COLUMN, name
        assert figure.get_suptitle() == "" and all(ax.get_title() == "" for ax in figure.axes)
        assert min(text.get_fontsize() for text, _ in texts_of(figure)) >= SMALL


@pytest.mark.parametrize("name", ["paper-storage", "paper-flops", "paper-memory"])
def test_names_of_points_lie_on_nothing(drawn, name):
    figure = drawn[name]
    (ax,) = figure.axes
    titles = {text.get_text() for text in ax.texts} - {""}
    assert len(titles) == 11
    boxes = [box for text, box in texts_of(figure) if text in ax.texts]
    assert len(boxes) == 11
    frame = ax.get_window_extent(figure.canvas.get_renderer())
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert frame.x0 - 1 <= box.x0 and box.x1 <= frame.x1 + 1
        assert frame.y0 - 1 <= box.y0 and box.y1 <= frame.y1 + 1


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_a_block_fills_its_place_and_no_line_lies_on_another(columns):
    graph = read_graph(build("igp_resnet_tiny", input_shape=(32, 32, 3), columns=columns))
    chart = block_graph(graph, first_block(graph), "block", "a block")
    places = [place for place, *_ in chart.nodes]
    assert len(set(places)) == len(places)
    assert {y for _, y in places} == {-float(lane) for lane in range(columns)}
    assert sum(is_binary for _, is_binary, _ in chart.nodes) == 2**columns - 1
    halves = {edge[len(edge) // 2] for edge in chart.edges}
    assert len(halves) == len(chart.edges)
    for edge in chart.edges:
        assert all(a[0] < b[0] for a, b in pairwise(edge))
        crossed = [p for p in places if p not in (edge[0], edge[-1]) and near(p, edge)]
        assert not crossed


def near(place, edge):
    return any(abs(place[0] - x) < 0.1 and abs(place[1] - y) < 0.15 for x, y in edge)


def test_each_family_has_one_look():
    assert set(FAMILIES) <= {spec.family for spec in ZOO.values()}
    looks = [*FAMILIES.values(), *OTHERS]
    assert len({look.colour for look in looks}) == len({look.marker for look in looks}) == 11
    assert look_of("mine") in OTHERS
    two = looks_of(["igp_resnet", "resnet", "igp_resnet"])
    assert two[0] == FAMILIES["igp_resnet"] and two[1] == FAMILIES["resnet"]
    assert two[2].marker == two[0].marker and two[2].colour != two[0].colour


def test_the_same_chart_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        save_charts([PLOT], tmp_path / folder)
    for suffix in SUFFIXES:
        one, other = ((tmp_path / f / f"nasty{suffix}").read_bytes() for f in ("a", "b"))
        assert one == other
    assert b"/Type3" not in (tmp_path / "a" / "nasty.pdf").read_bytes()
