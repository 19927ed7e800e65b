"""The plain sub-commands of `pvuw`, one module each; heavy imports happen inside `run`."""
