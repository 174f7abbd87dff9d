// Loads nothing: what is left is the price of an import itself.
