"""Calibrations for tests: ratios that are known, of any model."""

from platefree.ranking.calibration import Calibration, Curve


def made_calibration(model: str, sure: float = 8.0) -> Calibration:
    """One whose log L goes from -``sure`` at -1 to ``sure`` at 1."""
    curve = Curve(
        kind="logistic",
        similarity=[-1.0, 1.0],
        log_ratio=[-sure, sure],
        vehicles=1e6,
        vehicle_pairs=1e9,
    )
    data = {"path": "known.csv", "vehicles": "1,000,000"}
    measured = {"expected calibration error": 0.0123}
    found = Calibration(model=model, curves={"any": curve}, data=data, measured=measured)
    return found.sealed()
