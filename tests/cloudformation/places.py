"""Where the project and its templates are."""

import pathlib

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = TOP / "cloudformation"
REGION = "us-east-1"
