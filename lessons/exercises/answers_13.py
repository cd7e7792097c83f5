"""Worked answers to lesson 13 that the library has in another form: see `boxes.shared_with`."""


def overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    area_a, area_b = ((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (a, b))
    shared = width * height
    return shared / (area_a + area_b - shared)


def best_boxes(boxes, scores, limit):
    left = sorted(range(len(boxes)), key=lambda i: -scores[i])  # the first of equal scores first
    kept = []
    while left:
        best, *others = left
        kept.append(best)
        left = [i for i in others if overlap(boxes[best], boxes[i]) <= limit]
    return kept
