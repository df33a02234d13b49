"""The Python part of the fitness lakehouse: producing, importing and landing records in bronze.

It knows files, topics and Delta; what silver and gold make of the records is dbt's.
"""
