"""Curves as an SVG picture that a browser and a code host show."""

import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 210, 40, 50
NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
COLOURS = ("#2f6fde", "#d9822b", "#2a9d6f", "#b5485d", "#7a5cc0", "#5b6770", "#c2a300", "#0f8b9d")


@dataclass(frozen=True)
class Curve:
    name: str
    values: list[float]


def plot(path: Path, title: str, sizes: list[int], curves: list[Curve]) -> None:
    """Both axes grow by factors of ten."""
    everything = [value for curve in curves for value in curve.values]
    low, high = math.floor(math.log10(min(everything))), math.ceil(math.log10(max(everything)))
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size: float) -> float:
        share = (math.log10(size) - first) / max(last - first, 1e-9)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg {NAMESPACE} viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="15" fill="#1c2733">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        line = y(10.0**power)
        parts.append(_line(LEFT, line, WIDTH - RIGHT, line, "#e3e7eb"))
        parts.append(_label(LEFT - 8, line + 4, f"{10.0**power:g}", "end"))
    parts += [_label(x(size), HEIGHT - BOTTOM + 20, f"{size:,}", "middle") for size in sizes]
    for place, curve in enumerate(curves):
        colour = COLOURS[place % len(COLOURS)]
        points = [(x(size), y(value)) for size, value in zip(sizes, curve.values, strict=True)]
        drawn = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        height = TOP + 16 + 22 * place
        parts.append(_line(WIDTH - RIGHT + 16, height, WIDTH - RIGHT + 36, height, colour, 3))
        parts.append(_label(WIDTH - RIGHT + 42, height + 4, curve.name, "start"))
    path.write_text("\n".join([*parts, "</svg>", ""]))


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: int = 1) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="#3d4a57">{escape(text)}</text>'
