"""Image to track: a picture searched among tracks, as in the first papers on VeRi-776.

The similarity to a track is that of its best picture (Part-regularized re-ID, section 4.3). A track
of the query's vehicle and camera is ignored; tracks of other vehicles captured by the same camera
count, as single pictures do. The rank of the first match is reported as HIT@k.
"""

import numpy as np

from platefree.errors import ProtocolError
from platefree.evaluation.trial import Trial
from platefree.types import Indices, Sightings


def image_to_track(table: Sightings, query: Indices, gallery: Indices, test: str) -> Trial:
    """Search for pictures among the tracks of a gallery.

    Args:
        table: rows of equal track, vehicle and camera are one track, so track numbers may restart
            at each camera. Gallery rows without a track are left out.
        query: (q,) rows.
        gallery: (g,) rows.
        test: name of the test.

    Raises:
        ProtocolError: no track of the gallery is known.
    """
    tracked = gallery[table.track[gallery] != ""]
    if not len(tracked):
        raise ProtocolError(
            f"image-to-track needs the column 'track', which is unknown for all {len(gallery)} "
            "gallery pictures; use query-gallery"
        )
    columns = table.image, table.track, table.camera, table.vehicle
    rows = tracked[np.lexsort([column[tracked] for column in columns])]
    changes = [column[rows][1:] != column[rows][:-1] for column in columns[1:]]
    starts = np.flatnonzero(np.concatenate(([True], np.any(changes, axis=0))))
    return Trial("image → track", query, rows, test, tracks=starts.astype(np.int64))
