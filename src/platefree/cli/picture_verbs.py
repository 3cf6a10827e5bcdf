"""The verbs ``compare`` and ``embed``."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    ModelOrShipped,
    Processes,
    Workers,
    done,
    note_skipped,
    out,
    picture_progress,
    print_json,
    work_of,
)


def compare(
    first: Annotated[Path, typer.Argument(help="A picture of a vehicle.", metavar="A")],
    second: Annotated[Path, typer.Argument(help="Another picture.", metavar="B")],
    model: ModelOrShipped = None,
    *,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Compare the vehicles of two pictures.

    The answer is their cosine similarity, from -1 to 1, and of a calibrated model the probability
    that they show one vehicle (1/2 before they are compared).
    """
    from platefree.gallery.conclusion import shown, sure_json
    from platefree.inference.loading import load_model
    from platefree.inference.picture_comparison import compare as run_comparison
    from platefree.ranking.calibration import ALONE

    loaded = load_model(model, device=device.value)
    result = run_comparison(loaded, first, second)
    if as_json:
        print_json(
            {
                "a": str(first),
                "b": str(second),
                "similarity": result.similarity,
                **sure_json(result, ALONE),
                "model": {"name": loaded.name, "fingerprint": result.model},
            }
        )
    else:
        sure = f", p_same {shown(result.p_same)}: {result.in_words}" if result.in_words else ""
        out.print(f"similarity {result.similarity:.4f}{sure}  (model {loaded.name}@{result.model})")


def embed(
    data: Annotated[Path, typer.Argument(help="Table or folder of pictures.")],
    out_folder: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the embeddings.")
    ],
    model: ModelOrShipped = None,
    *,
    workers: Workers = -1,
    processes: Processes = 1,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Embed pictures once, so that later searches are fast."""
    from platefree.data.listed_text import many
    from platefree.data.table import read_table
    from platefree.gallery.embeddings_card import check_replaceable
    from platefree.gallery.stored import write_embeddings
    from platefree.inference.loading import load_model
    from platefree.inference.model_names import lasting_name
    from platefree.storage.locks import only_writer

    check_replaceable(out_folder)
    table = read_table(data)
    loaded = load_model(model, device=device.value)
    with only_writer(out_folder):
        with picture_progress("embedding", len(table)) as advance:
            work = work_of(device, workers, processes, advance)
            embeddings, skipped = loaded.embed(table, unreadable="skip", work=work)
        note_skipped(skipped)
        write_embeddings(embeddings, out_folder, loaded.comparison, lasting_name(loaded.name))
    if as_json:
        spaces = {name: rows.shape[1] for name, rows in embeddings.spaces.items()}
        print_json({"pictures": len(embeddings), "spaces": spaces, "skipped": skipped})
    done(out_folder, many(len(embeddings), "embedding"))
