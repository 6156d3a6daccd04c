"""The pages, one file an area; each declares its contexts and its routes."""
