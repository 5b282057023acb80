"""A small writer of line charts. Two measures of different scale are two charts, never two axes."""
import math
from html import escape

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 60, 50
COLOURS = ("#1f6feb", "#d1711a", "#2f8f4e")
DASHES = ("", "7 4", "2 3")  # told apart without colours, too


def _ticks(high):
    """Up to six round numbers from 0 to at least `high`."""
    if high <= 0:
        return [0, 1]
    step = 10 ** math.floor(math.log10(high))
    for part in (0.2, 0.5, 1, 2):
        if high / (step * part) <= 5:
            step *= part
            break
    return [step * i for i in range(math.ceil(high / step) + 1)]


def _short(value):
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    if value >= 1_000:
        return f"{value / 1_000:g}k"
    return f"{value:g}"


def chart(title, x_label, y_label, series):
    """`series`: {name: [(x, y), …]}, all with the same x values, which stand at even distances: they
    are chosen points (1, 4, 16, …; 0, 10k, …), not a scale."""
    xs = [x for x, _ in next(iter(series.values()))]
    ticks = _ticks(max(y for points in series.values() for _, y in points))
    high = ticks[-1]

    def px(index):
        return LEFT + (WIDTH - LEFT - RIGHT) * (index / max(len(xs) - 1, 1))

    def py(value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / high

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title)}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>']
    for value in ticks:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{py(value):.1f}" y2="{py(value):.1f}" '
                   'stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{py(value) + 4:.1f}" text-anchor="end">{_short(value)}</text>')
    for index, x in enumerate(xs):
        out.append(f'<text x="{px(index):.1f}" y="{HEIGHT - BOTTOM + 18}" '
                   f'text-anchor="middle">{_short(x)}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" '
               f'text-anchor="middle">{escape(x_label)}</text>')
    out.append(f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
               f'text-anchor="middle">{escape(y_label)}</text>')
    for number, (name, points) in enumerate(series.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        path = " ".join(f"{px(i):.1f},{py(y):.1f}" for i, (_, y) in enumerate(points))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
                   f'stroke-dasharray="{dash}"/>')
        out += [f'<circle cx="{px(i):.1f}" cy="{py(y):.1f}" r="3" fill="{colour}"/>'
                for i, (_, y) in enumerate(points)]
        x = LEFT + number * 210
        out.append(f'<line x1="{x}" x2="{x + 24}" y1="40" y2="40" stroke="{colour}" stroke-width="2" '
                   f'stroke-dasharray="{dash}"/>')
        out.append(f'<text x="{x + 30}" y="44">{escape(name)}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
