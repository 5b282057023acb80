"""A row of the table, and how a figure becomes one."""
import statistics
from dataclasses import dataclass, field

REACHED, MISSED = "reached", "missed"


@dataclass
class Row:
    name: str
    ours: str
    yardstick: str = "–"
    ratio: str = "–"
    target: str = "–"
    verdict: str = "–"
    notes: list = field(default_factory=list)


def median(values):
    return statistics.median(values)


def figure(value, unit=""):
    if value >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}" if value < 100 else f"{value:.0f}"
    return f"{text} {unit}".strip()


def spread(values):
    """How far the rounds lie apart, for the reader to judge a difference by."""
    low, high = min(values), max(values)
    middle = median(values)
    return f"±{100 * (high - low) / 2 / middle:.0f} %" if middle else "±0 %"


def versus(name, ours, yardstick, unit, least=None, most=None, aim=None, notes=()):
    """A row of values against those of the yardstick, taken in pairs: the ratio is the median of the
    pairs', as each pair met the same machine. `least` or `most` is what the ratio must reach."""
    ratios = [a / b for a, b in zip(ours, yardstick)]
    ratio = median(ratios)
    wanted = f"≥ {least}" if least is not None else f"≤ {most}"
    reached = ratio >= least if least is not None else ratio <= most
    target = wanted + (f" (aim {aim})" if aim is not None else "")
    return Row(name, figure(median(ours), unit), figure(median(yardstick), unit),
               f"{ratio:.2f} {spread(ratios)}", target, REACHED if reached else MISSED, list(notes))


def bounded(name, values, unit, most, notes=(), worst=False):
    """A row of values that have a bound of their own; the worst of the rounds counts, or the median."""
    value = max(values) if worst else median(values)
    return Row(name, f"{figure(value, unit)} {spread(values)}", target=f"≤ {figure(most, unit)}",
               verdict=REACHED if value <= most else MISSED, notes=list(notes))
