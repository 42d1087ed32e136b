// The room Registry.
