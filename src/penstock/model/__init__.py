"""Pure data: schemas, definitions, errors. Imports nothing of ours; every room may import it."""
