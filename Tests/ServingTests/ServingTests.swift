// Tests of the room Serving.
