#!/usr/bin/env bash
# litdata 0.2.76 (optimize and StreamingDataset) and mosaicml-streaming 0.13.0 (the encoding "pil") on images with a palette,
#   Pillow 13.0.0, torch 2.13.0.
# Guess: an image that goes in as a PIL image comes out as the same image; a mode that cannot be kept is refused.
# Truth: both keep mode, size and the bytes of the pixels. Of a PNG or GIF with a palette these are indices into a table of
#   colours, and the table is not among them. The image that is read back has mode "P" and no colours: converted to RGB it is
#   black, with no word. (Pillow says so of tobytes; the two libraries do not.)
# Matters: PNGs made small by a quantiser, icons, pixel art and GIFs become black images of the right size in an otherwise
#   colourful data set. Masks whose indices are labels survive. Convert to RGB before you write, or write the file's own bytes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile torch==2.13.0 numpy==2.4.6 pillow==13.0.0 boto3==1.44.8 requests==2.34.2 \
  filelock==4.3.1 obstore==0.12.1 tifffile==2026.3.3 lightning-utilities==0.15.3 tqdm==4.70.1
"$dir/venv/bin/pip" install -qq --disable-pip-version-check --no-compile --no-deps litdata==0.2.76 mosaicml-streaming==0.13.0
cat > pictures.py <<'PY'
import importlib.util
import os
from importlib.metadata import files, version

import numpy as np
from litdata import StreamingDataset, optimize
from PIL import Image

NAMES = ("palette.png", "palette.gif", "rgb.png", "rgba.png", "grey.png")


def sample(name):
    return {"image": Image.open(name)}  # a PIL image: "uncompressed pixels", as the table of litdata says


def rgb(image):
    return np.asarray(image.convert("RGB"), dtype=float)


def mds():
    """The encodings of mosaicml-streaming by themselves: the package loads the clients of every cloud."""
    path = next(f.locate() for f in files("mosaicml-streaming") if str(f).endswith("format/mds/encodings.py"))
    spec = importlib.util.spec_from_file_location("encodings", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda image: module.mds_decode("pil", module.mds_encode("pil", image))


if __name__ == "__main__":
    print(*(f"{name} {version(name)}," for name in ("litdata", "mosaicml-streaming", "pillow")))
    wave = np.linspace(0, 255, 32)
    picture = np.stack([np.add.outer(wave, 0 * wave), np.add.outer(0 * wave, wave), np.full((32, 32), 128.0)], -1).astype(np.uint8)
    whole = Image.fromarray(picture)
    whole.quantize(64).save("palette.png")
    whole.quantize(64).save("palette.gif")
    whole.save("rgb.png")
    whole.convert("RGBA").save("rgba.png")
    whole.convert("L").save("grey.png")
    optimize(fn=sample, inputs=list(NAMES), output_dir="optimized", num_workers=1, chunk_bytes="1MB", start_method="fork")
    read = StreamingDataset(os.path.abspath("optimized"))
    back = mds()
    for place, name in enumerate(NAMES):
        written = Image.open(name)
        seen = {"litdata": read[place]["image"], "mds": back(written)}
        for who, image in seen.items():
            off, light = np.abs(rgb(image) - rgb(written)).mean(), rgb(image).mean()
            print(f"  {name}, {who}: mode {image.mode}, expected mean level {rgb(written).mean():.1f} and error 0, "
                  f"seen {light:.1f} and {off:.1f}")
            assert image.mode == written.mode and image.size == written.size
            if written.mode == "P":
                assert (np.asarray(image) == np.asarray(written)).all() and off > 50 and light < 40, "the palette is kept now"
            else:
                assert off == 0
    print("behaviour as described")
PY
"$dir/venv/bin/python" -W ignore pictures.py > log 2>&1 || { cat log; exit 1; }
grep -e "^litdata" -e "^  [a-z]*[.]" -e "^behaviour" log
