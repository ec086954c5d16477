"""The local page: from the dropped roster to the load, without a terminal.

It never writes to Alma and never reads the API key. Whatever asks Alma is one of the importer's
own commands, started as a child process (`tasks`).
"""
