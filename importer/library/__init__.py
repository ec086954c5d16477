"""The importer as a Python library: what `import importer` offers.

Errors are those of the commands (see `importer.errors`): each is one sentence for a person, with
the exit code that the command would have. Settings come from the environment and `.env`. What ends
in `_async` is for an event loop of the caller's; the others work with and without one.
"""
