#!/usr/bin/env bash
# dbt's own checks: the project parses on every target without a warning or a deprecation, and the SQL of every model and
# test can be rendered, with the contracts of the feeds, which dbt does not know while it parses. Whether each model
# follows the changes of all tables that it reads is checked when it is built.
set -euo pipefail
for target in local server databricks; do
  DATABRICKS_HOST=example.invalid DATABRICKS_HTTP_PATH=/sql/1.0/warehouses/0 DATABRICKS_TOKEN=none \
    dbt --quiet --warn-error parse --no-partial-parse --show-all-deprecations --target "$target" --target-path "target/check/$target"
done
# A compilation for Databricks opens no connection.
DATABRICKS_HOST=example.invalid DATABRICKS_HTTP_PATH=/sql/1.0/warehouses/0 DATABRICKS_TOKEN=none \
  dbt --quiet --warn-error compile --no-populate-cache --target databricks --target-path target/check/databricks
