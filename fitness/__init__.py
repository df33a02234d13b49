"""The command `fitness`: starts the streaming job and dbt, watches and maintains the lakehouse."""
