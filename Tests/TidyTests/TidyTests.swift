// Tests of the room Tidy.
