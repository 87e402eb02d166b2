"""The bureau's past year: what its people wrote down, decided and walked, played back day by day through the product's own actions.

Dates of the YAML files here are days before or after today. Nothing in the product knows of it: what is left is what a year of use leaves.
"""
