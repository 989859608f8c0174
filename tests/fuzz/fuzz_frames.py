"""Coverage-guided fuzzing of the frame reader and of recovery.

Run `python tests/fuzz/fuzz_frames.py -max_total_time=60`, or with any other libFuzzer options. New inputs go to a
temporary folder; the kept corpus is only read."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

CORPUS = Path(__file__).parent / "corpus" / "frames"


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["penstock.log"]):
        from fuzz.frame_checks import check_frames
    found = tempfile.mkdtemp(prefix="fuzz-frames-")
    print(f"new inputs go to {found}")
    atheris.Setup([*sys.argv, found, str(CORPUS)], check_frames)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
