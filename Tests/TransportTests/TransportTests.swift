// Tests of the room Transport.
