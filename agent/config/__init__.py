"""Configuration: one typed field per option; sample, reference and schema are generated from it."""
