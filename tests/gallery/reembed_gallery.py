"""Embed a gallery again, from model to model without end; say when it begins, and which is done."""

import sys
from pathlib import Path

import platefree as pf
from platefree.gallery import milvus_changes, reembedding
from platefree.work import Work

reembedding.BLOCK, reembedding._AT_A_TIME = 5, 10
milvus_changes.GRACE, milvus_changes.SWITCHING = 0.3, 5.0  # of a gallery on a server
folder, *models = map(Path, sys.argv[1:])
assert pf.Gallery.open(folder).model.fingerprint  # now all is imported
sys.stdout.write("ready\n")
sys.stdout.flush()
for count in range(1_000_000):
    gallery = pf.Gallery.open(folder)
    new = models[count % len(models)]
    done = gallery.reembed(new, work=Work(workers=0))
    assert done.switched
    sys.stdout.write(f"{new.name}\n")
    sys.stdout.flush()
