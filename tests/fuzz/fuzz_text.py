"""Coverage-guided fuzzing of the text decoder.

Run `python tests/fuzz/fuzz_text.py -max_total_time=60`, or with any other libFuzzer options."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.run import run

if __name__ == "__main__":
    run("check_text", "text")
