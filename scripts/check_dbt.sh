#!/usr/bin/env bash
# dbt's own checks: the project parses on every target without a warning or a deprecation.
set -euo pipefail
for target in local databricks; do
  DATABRICKS_HOST=example.invalid DATABRICKS_HTTP_PATH=/sql/1.0/warehouses/0 DATABRICKS_TOKEN=none \
    dbt --quiet --warn-error parse --no-partial-parse --show-all-deprecations --target "$target" --target-path "target/check/$target"
done
