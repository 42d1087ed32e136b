// Tests of the room Resources.
