"""Replace a folder of embeddings between two models, again and again, until stdin ends."""

import select
import sys
from itertools import cycle
from pathlib import Path

from platefree.gallery.stored import save_embeddings
from platefree.types import Embeddings, Sightings

sys.path.insert(0, str(Path(__file__).parent))
from models_that_differ import MODELS, made_by

folder, root = map(Path, sys.argv[1:])
for count, model in enumerate(cycle(MODELS)):
    rows, images = made_by(model)
    table = Sightings.from_columns(root, {"image": images})
    save_embeddings(Embeddings({"main": rows}, table, model), folder, model_path=model)
    if count == 0:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
    if select.select([sys.stdin], [], [], 0)[0]:
        break
