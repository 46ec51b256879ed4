"""The evaluation of an activation against the field: one protocol, many data sets, one verdict."""
