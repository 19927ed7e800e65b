"""An ensemble's members in the report: who agreed with the answer, who was followed, and why."""
