"""Check, plan, apply, undo: the stages in reading order, without rules of their own."""
