"""What each dimension of a variational code holds, as bars."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from netyard.plots.figure import ACCENT, FAINT, INK, PAPER, SHARPNESS, SOFT, ticks

MOST = 128  # bars: more would be narrower than a few pixels
WIDEST = 48  # pixels that a bar and the space beside it take


def latent_kl_picture(kl: Tensor, active: Tensor, width: int = 720, height: int = 320) -> Tensor:
    """The KL of each dimension in nats, and whether it is active, both (D,), as bars; (3, height, width) uint8.

    The largest come first. Active ones are in colour. Of very many only the largest are drawn, and all are counted.
    """
    kl, active = kl.detach().float().cpu().nan_to_num(0.0, 0.0, 0.0).clamp(min=0), active.cpu()
    order = kl.argsort(descending=True)[:MOST].tolist()
    highest = float(kl.max()) or 1.0

    canvas = Image.new("RGB", (SHARPNESS * width, SHARPNESS * height), PAPER)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=12 * SHARPNESS)
    values = ticks(0, highest, 5)
    labels = [f"{value:.10g}" for value in values]
    left = 16 + max(font.getlength(label) for label in labels) / SHARPNESS
    right, top, bottom = width - 20, 40, height - 44
    room = min((right - left) / len(order), WIDEST)

    def place(across: float, up: float) -> tuple[float, float]:
        return across * SHARPNESS, up * SHARPNESS

    def level(value: float) -> float:
        return bottom - value / highest * (bottom - top)

    for value, label in zip(values, labels, strict=True):
        pen.line((*place(left, level(value)), *place(right, level(value))), FAINT, SHARPNESS)
        pen.text(place(left - 8, level(value)), label, INK, font, anchor="rm")
    for index, dimension in enumerate(order):
        begin, end = left + (index + 0.1) * room, left + (index + 0.9) * room
        colour = ACCENT if active[dimension] else SOFT
        pen.rectangle((*place(begin, level(float(kl[dimension]))), *place(end, bottom)), fill=colour)
        if room >= font.getlength(str(max(order))) / SHARPNESS + 4:
            pen.text(place((begin + end) / 2, bottom + 8), str(dimension), INK, font, anchor="ma")
    below = "dimension of the code" if len(order) == len(kl) else f"the {MOST} largest of {len(kl)} dimensions"
    pen.text(place((left + right) / 2, height - 6), below, INK, font, anchor="mb")

    across = left
    for name, colour in (("active", ACCENT), ("inactive", SOFT)):
        pen.rectangle((*place(across, 15), *place(across + 10, 25)), fill=colour)
        pen.text(place(across + 16, 20), name, INK, font, anchor="lm")
        across += 16 + font.getlength(name) / SHARPNESS + 24
    said = f"KL in nats: {float(kl.sum()):.3g} in all; {int(active.sum())} of {len(kl)} active"
    pen.text(place(right, 20), said, INK, font, anchor="rm")
    return pil_to_tensor(canvas.reduce(SHARPNESS))
