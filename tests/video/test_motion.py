"""The filter of boxes, against the same filter with whole matrices."""

import numpy as np

from platefree.video.motion import AT_FIRST, JERKS, SEEN, Motion


def place(box: np.ndarray) -> np.ndarray:
    return np.array(
        [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]]
    )


def with_matrices(boxes: list[np.ndarray], times: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """State (place and velocity of four numbers) and its covariance, as in any textbook."""
    state = np.concatenate([place(boxes[0]), np.zeros(4)])
    side = np.sqrt(state[2] * state[3])
    covariance = np.diag([(SEEN * side) ** 2] * 4 + [(AT_FIRST * side) ** 2] * 4)
    look = np.hstack([np.eye(4), np.zeros((4, 4))])
    for k in range(1, len(boxes)):
        step, side = times[k] - times[k - 1], np.sqrt(state[2] * state[3])
        go = np.block([[np.eye(4), step * np.eye(4)], [np.zeros((4, 4)), np.eye(4)]])
        wander = np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        noise = np.kron(wander, np.eye(4)) * (JERKS * side) ** 2
        state, covariance = go @ state, go @ covariance @ go.T + noise
        side = np.sqrt(state[2] * state[3])
        expected = look @ covariance @ look.T + np.eye(4) * (SEEN * side) ** 2
        gain = covariance @ look.T @ np.linalg.inv(expected)
        state = state + gain @ (place(boxes[k]) - look @ state)
        covariance = covariance - gain @ look @ covariance
    return state, covariance


def test_the_filter_is_that_of_matrices() -> None:
    random = np.random.default_rng(0)
    times = np.cumsum(random.uniform(0.05, 0.7, 12)).tolist()
    boxes = [
        np.array([20 + 30 * t, 40, 90 + 35 * t, 100 + 5 * t]) + random.normal(0, 2, 4)
        for t in times
    ]
    motion = Motion.of(times[0], boxes[0])
    for time, box in zip(times[1:], boxes[1:], strict=True):
        motion = motion.at(time).seen(box)
    state, covariance = with_matrices(boxes, times)
    np.testing.assert_allclose(motion.place, state[:4])
    np.testing.assert_allclose(motion.velocity, state[4:])
    np.testing.assert_allclose(motion.spread[0], np.diag(covariance)[:4])
    np.testing.assert_allclose(motion.spread[1], np.diag(covariance[:4, 4:]))
    np.testing.assert_allclose(motion.spread[2], np.diag(covariance)[4:])


def test_a_steady_box_is_expected_where_it_goes() -> None:
    def box(time: float) -> np.ndarray:
        return np.array([10, 20, 50, 40]) + np.array([60, 0, 60, 0]) * time

    motion = Motion.of(0, box(0))
    for k in range(1, 30):
        motion = motion.at(k / 10).seen(box(k / 10))
    np.testing.assert_allclose(motion.at(4.0).box, box(4.0), atol=1.0)


def test_a_box_that_shrinks_never_turns_over() -> None:
    motion = Motion.of(0, np.array([0.0, 0.0, 40.0, 40.0]))
    motion = motion.at(0.1).seen(np.array([10.0, 10.0, 30.0, 30.0])).at(60.0)
    assert (motion.box[2:] > motion.box[:2]).all()
