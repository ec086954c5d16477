"""Roster and mapping become candidates, one column for each field.

The way of a mapping:

1. `yaml_source.read` makes texts of a YAML file that know their lines, or finds the slip.
2. `schema.MappingFile` validates them: every key that there is, and what may follow it.
3. `load.examine` adds lookups, and asks `checks.run` what is wrong; it returns a `MappingDocument`.
4. `compile.compile_mapping` finds its columns in one roster, or raises ColumnsError: the
   `CompiledMapping` has a column for each field.
5. `evaluate.evaluate` makes the values of all rows, key by key, and reports what it could not read.
6. `model.candidates.Candidates` are these columns, with the problems on the way.

The modules, each after those that it imports:

- The language: `key_path`, `placeholders`, `written`, `repairs`, `whole_names`, `clean`, `dates`,
  `lookups`, `conditions`, `keys` (a rule and its keys), `schema`.
- A mapping that was read: `slips`, `yaml_source`, `possible_codes`, `mapping`, `findings`,
  `checks`, `json_schema` (with what breaks it, in words), `load`.
- A roster to candidates: `headings`, `compile`, `values`, `secret_cells`, `text_keys`, `evaluate`.
- For people: `explain`, `editing`.
"""
