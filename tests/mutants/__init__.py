"""Planted defects, each with the test that must fail for it: `make mutants`."""
