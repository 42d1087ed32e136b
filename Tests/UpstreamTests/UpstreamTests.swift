// Tests of the room Upstream.
