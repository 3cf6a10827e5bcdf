"""Part features from boxes: the cells of a map that a part covers, and the mean over them.

Part-regularized re-ID (He et al., CVPR 2019, section 3.2): the picture is divided into the grid of
the feature map, every cell that a part's box overlaps belongs to that part, and its feature is the
average over these cells. Several boxes of one part make one mask.
"""

import torch
from torch import Tensor


def covered_cells(boxes: Tensor, size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Which cells each box overlaps; touching a border does not count.

    Args:
        boxes: (n, 4) left, top, right, bottom in pixels; a box without area covers nothing.
        size: height and width of the picture in pixels.
        grid: rows and columns of the grid.

    Returns:
        (n, rows, columns) bool.
    """
    left, top, right, bottom = boxes.unbind(dim=1)
    across = _overlaps(left, right, size[1], grid[1])
    down = _overlaps(top, bottom, size[0], grid[0])
    return down[:, :, None] & across[:, None, :]


def part_masks(
    boxes: Tensor,
    picture: Tensor,
    part: Tensor,
    *,
    pictures: int,
    parts: int,
    size: tuple[int, int],
    grid: tuple[int, int],
) -> Tensor:
    """The cells of each part of each picture: those that any of its boxes overlaps.

    Args:
        boxes: (n, 4) left, top, right, bottom in pixels.
        picture: (n,) int64, which picture a box is on.
        part: (n,) int64, which part it shows.
        pictures: number of pictures.
        parts: number of parts.
        size: height and width of the pictures in pixels.
        grid: rows and columns of the grid.

    Returns:
        (pictures, parts, rows, columns) bool.
    """
    counts = boxes.new_zeros(pictures * parts, *grid)
    counts.index_add_(0, picture * parts + part, covered_cells(boxes, size, grid).to(counts.dtype))
    return (counts > 0).reshape(pictures, parts, *grid)


def local_average(maps: Tensor, masks: Tensor) -> Tensor:
    """The average of a feature map over the cells of each mask; zeros where a mask is empty.

    Args:
        maps: (b, c, rows, columns).
        masks: (b, p, rows, columns) bool.

    Returns:
        (b, p, c).
    """
    weights = masks.to(maps.dtype)
    sums = torch.einsum("bchw,bphw->bpc", maps, weights)
    return sums / weights.sum(dim=(2, 3)).clamp(min=1.0)[:, :, None]


def _overlaps(low: Tensor, high: Tensor, length: int, cells: int) -> Tensor:
    """(n, cells) whether intervals overlap the cells of equal size along a length."""
    borders = torch.arange(cells + 1, device=low.device, dtype=low.dtype) * length / cells
    starts, ends = borders[:-1], borders[1:]
    overlaps = (low[:, None] < ends) & (high[:, None] > starts)
    return overlaps & (low < high)[:, None]
