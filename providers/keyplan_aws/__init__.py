"""AWS KMS as a keyplan provider. `plugin` is the offline half, `provider` the open connection."""
