"""What a data set of one's own is called where nobody says it: as its folder or file is."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gsu_cli.run.pretrained import FOLDER

# words that say how files are kept, not what is in them, with or without a number: "train-00000-of-00001"
KEPT_AS = re.compile(r"(?i)(?:raw|data|images?|imgs?|files|train(?:ing)?|val|valid(?:ation)?|test(?:ing)?)\b.*|[\W\d]*")
OWN = "own_"


def set_name(path: object) -> str | None:
    """The last part of ``path`` that says what is in it, without the ending of a file; None where no part does.

    A name of a data set whose weights ship gets ``own_`` before it: those were not trained on these files.

    >>> set_name("data/pets"), set_name("FashionMNIST/raw"), set_name("blood.npz"), set_name("mnist/images")
    ('pets', 'FashionMNIST', 'blood', 'own_mnist')
    """
    if not isinstance(path, str) or not path.strip():
        return None
    place = Path(os.path.abspath(Path(path).expanduser()))
    is_file = re.fullmatch(r"\.[a-z]\w*", place.suffix) and not os.path.isdir(place)  # pathlib raises where closed
    for stem in (place.stem if is_file else place.name, *(part.name for part in place.parents)):
        if not KEPT_AS.fullmatch(stem):
            return f"{OWN}{stem}" if (FOLDER / stem).is_dir() else stem
    return None
