"""platefree: find the same vehicle across cameras without reading its plate.

Names are imported when they are first used, so ``import platefree`` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from platefree.installs import training_install

if TYPE_CHECKING:
    from platefree.city.generate import generate_city
    from platefree.data.check import TableCheck, check_table
    from platefree.data.crops import crop_compcars
    from platefree.data.dataset import DataSet
    from platefree.data.merge import merge_tables, model_as_vehicle
    from platefree.data.part_boxes import PartBoxes
    from platefree.data.part_files import read_part_boxes, write_part_boxes
    from platefree.data.readers.detect import read_dataset
    from platefree.data.split import hold_out_vehicles, split_by_vehicle
    from platefree.data.submission import write_submission
    from platefree.data.table import read_table, write_table
    from platefree.errors import PlatefreeError
    from platefree.evaluation.calibrate import calibrate, measure_calibration
    from platefree.evaluation.challenge import submit
    from platefree.evaluation.evaluate import Scoring, evaluate
    from platefree.evaluation.examples import Examples
    from platefree.evaluation.metrics import RankMetrics, rank_metrics
    from platefree.evaluation.results import Report
    from platefree.evaluation.view_sources import with_views
    from platefree.experiments.all_methods import bench_methods
    from platefree.gallery.feedback import Feedback
    from platefree.gallery.filters import Filter
    from platefree.gallery.retention import Retention
    from platefree.gallery.search import open_gallery, query_picture, search
    from platefree.gallery.store import MemoryStore, Store
    from platefree.gallery.stored import load_embeddings, save_embeddings
    from platefree.gallery.stored_embedder import StoredEmbeddings, load_stored
    from platefree.gallery.stored_gallery import Gallery
    from platefree.inference.calibrated import note_calibration
    from platefree.inference.detector import Detector, FoundOnFrame
    from platefree.inference.detector_export import export_detector
    from platefree.inference.detector_loading import load_detector
    from platefree.inference.embedder import Embedder, VehicleFinder
    from platefree.inference.explain import heat_map
    from platefree.inference.export import export_model
    from platefree.inference.labelling import label_views
    from platefree.inference.loading import load_model
    from platefree.inference.model import Model
    from platefree.inference.networks import make_ensemble
    from platefree.inference.onnx_detector import OnnxDetector
    from platefree.inference.onnx_model import OnnxModel
    from platefree.inference.part_finding import find_parts, write_parts
    from platefree.inference.picture_comparison import PictureComparison, compare
    from platefree.ingestion.camera_films import ingest
    from platefree.methods.catalogue import load_recipe
    from platefree.ranking.calibration import Calibration
    from platefree.ranking.comparison import Comparison, Cosine
    from platefree.ranking.exact import rank_exact
    from platefree.ranking.reciprocal import k_reciprocal, k_reciprocal_blocks, rerank_top
    from platefree.recipes.builtin import recipe_names
    from platefree.recipes.post import Post
    from platefree.recipes.recipe import Recipe
    from platefree.reports.contact_sheet import contact_sheet
    from platefree.reports.saving import save_report
    from platefree.service.client import Client
    from platefree.training.loop import train
    from platefree.training.run_folder import Run
    from platefree.training.sample_sheet import sample_sheet
    from platefree.types import Embeddings, Hit, Ranking, Sightings
    from platefree.work import Work

__all__ = [
    "Calibration",
    "Client",
    "Comparison",
    "Cosine",
    "DataSet",
    "Detector",
    "Embedder",
    "Embeddings",
    "Examples",
    "Feedback",
    "Filter",
    "FoundOnFrame",
    "Gallery",
    "Hit",
    "MemoryStore",
    "Model",
    "OnnxDetector",
    "OnnxModel",
    "PartBoxes",
    "PictureComparison",
    "PlatefreeError",
    "Post",
    "RankMetrics",
    "Ranking",
    "Recipe",
    "Report",
    "Retention",
    "Run",
    "Scoring",
    "Sightings",
    "Store",
    "StoredEmbeddings",
    "TableCheck",
    "VehicleFinder",
    "Work",
    "bench_methods",
    "calibrate",
    "check_table",
    "compare",
    "contact_sheet",
    "crop_compcars",
    "evaluate",
    "export_detector",
    "export_model",
    "find_parts",
    "generate_city",
    "heat_map",
    "hold_out_vehicles",
    "ingest",
    "k_reciprocal",
    "k_reciprocal_blocks",
    "label_views",
    "load_detector",
    "load_embeddings",
    "load_model",
    "load_recipe",
    "load_stored",
    "make_ensemble",
    "measure_calibration",
    "merge_tables",
    "model_as_vehicle",
    "note_calibration",
    "open_gallery",
    "query_picture",
    "rank_exact",
    "rank_metrics",
    "read_dataset",
    "read_part_boxes",
    "read_table",
    "recipe_names",
    "rerank_top",
    "sample_sheet",
    "save_embeddings",
    "save_report",
    "search",
    "split_by_vehicle",
    "submit",
    "train",
    "with_views",
    "write_part_boxes",
    "write_parts",
    "write_submission",
    "write_table",
]

_HOME = {
    "Calibration": "ranking.calibration",
    "Client": "service.client",
    "Comparison": "ranking.comparison",
    "Cosine": "ranking.comparison",
    "DataSet": "data.dataset",
    "Detector": "inference.detector",
    "Embedder": "inference.embedder",
    "Embeddings": "types",
    "Examples": "evaluation.examples",
    "Feedback": "gallery.feedback",
    "Filter": "gallery.filters",
    "FoundOnFrame": "inference.detector",
    "Gallery": "gallery.stored_gallery",
    "Hit": "types",
    "MemoryStore": "gallery.store",
    "Model": "inference.model",
    "OnnxDetector": "inference.onnx_detector",
    "OnnxModel": "inference.onnx_model",
    "PartBoxes": "data.part_boxes",
    "PictureComparison": "inference.picture_comparison",
    "PlatefreeError": "errors",
    "Post": "recipes.post",
    "RankMetrics": "evaluation.metrics",
    "Ranking": "types",
    "Recipe": "recipes.recipe",
    "Report": "evaluation.results",
    "Retention": "gallery.retention",
    "Run": "training.run_folder",
    "Scoring": "evaluation.evaluate",
    "Sightings": "types",
    "Store": "gallery.store",
    "StoredEmbeddings": "gallery.stored_embedder",
    "TableCheck": "data.check",
    "VehicleFinder": "inference.embedder",
    "Work": "work",
    "bench_methods": "experiments.all_methods",
    "calibrate": "evaluation.calibrate",
    "check_table": "data.check",
    "compare": "inference.picture_comparison",
    "contact_sheet": "reports.contact_sheet",
    "crop_compcars": "data.crops",
    "evaluate": "evaluation.evaluate",
    "find_parts": "inference.part_finding",
    "generate_city": "city.generate",
    "export_detector": "inference.detector_export",
    "export_model": "inference.export",
    "heat_map": "inference.explain",
    "hold_out_vehicles": "data.split",
    "ingest": "ingestion.camera_films",
    "k_reciprocal": "ranking.reciprocal",
    "k_reciprocal_blocks": "ranking.reciprocal",
    "label_views": "inference.labelling",
    "load_detector": "inference.detector_loading",
    "load_embeddings": "gallery.stored",
    "load_model": "inference.loading",
    "load_recipe": "methods.catalogue",
    "load_stored": "gallery.stored_embedder",
    "make_ensemble": "inference.networks",
    "measure_calibration": "evaluation.calibrate",
    "merge_tables": "data.merge",
    "model_as_vehicle": "data.merge",
    "note_calibration": "inference.calibrated",
    "open_gallery": "gallery.search",
    "query_picture": "gallery.search",
    "rank_exact": "ranking.exact",
    "rank_metrics": "evaluation.metrics",
    "read_dataset": "data.readers.detect",
    "read_part_boxes": "data.part_files",
    "read_table": "data.table",
    "recipe_names": "recipes.builtin",
    "rerank_top": "ranking.reciprocal",
    "sample_sheet": "training.sample_sheet",
    "save_embeddings": "gallery.stored",
    "save_report": "reports.saving",
    "search": "gallery.search",
    "split_by_vehicle": "data.split",
    "submit": "evaluation.challenge",
    "train": "training.loop",
    "with_views": "evaluation.view_sources",
    "write_part_boxes": "data.part_files",
    "write_parts": "inference.part_finding",
    "write_submission": "data.submission",
    "write_table": "data.table",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOME:
        raise AttributeError(f"module 'platefree' has no attribute {name!r}")
    with training_install(f"platefree.{name}"):
        value = getattr(import_module(f"platefree.{_HOME[name]}"), name)
    globals()[name] = value  # found at once next time
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
