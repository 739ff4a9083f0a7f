"""Who may do what: read-only, risk classes, and the gate that asks a person before anything stops or goes."""
