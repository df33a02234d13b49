#!/usr/bin/env bash
# The demo: real rides and an invented gym, from landing files to gold, in its own folder data/demo.
set -euo pipefail
export FITNESS_LANDING=$PWD/data/demo/landing FITNESS_LAKEHOUSE=$PWD/data/demo/lakehouse

python -m fitness.samples.rides | tr '\n' '\0' | xargs -0 fitness import
fitness produce --users 10 --days 3 --seed 1 --files 3
fitness run
fitness show
fitness report --out "$PWD/data/demo/report.html"
echo "See it in a browser: FITNESS_LANDING=data/demo/landing FITNESS_LAKEHOUSE=data/demo/lakehouse make dashboard"
