"""Where the program reads files: one way to open them, and strict readers of JSON and TOML."""
