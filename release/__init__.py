"""What is shipped besides the code: the bundle, the registry's entry, links that connect an editor, and the release check."""
