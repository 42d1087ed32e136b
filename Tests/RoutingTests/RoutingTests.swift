// Tests of the room Routing.
