// Tests of the room Registry.
