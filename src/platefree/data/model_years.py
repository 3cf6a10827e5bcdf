"""Models of several years: one class in the DRDL paper, one for each year in VehicleNet's."""

from platefree.types import Sightings, Text, text_column


def models_of_years(table: Sightings) -> Text:
    """(n,) model and year, such as ``Audi A3 2011``: the class of VehicleNet.

    It is the model alone where the year is unknown, and unknown where the model is.
    """
    pairs = zip(table.model.tolist(), table.model_year.tolist(), strict=True)
    return text_column([f"{model} {year}" if model and year else model for model, year in pairs])
